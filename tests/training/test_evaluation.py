"""The file evaluation.json."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import metrics

from models.decision import Decision
from models.inputs import Missing, Numeric, NumericReference
from training.evaluate import evaluate
from training.evaluation import build, histogram, plane, scores


def sample(rows: int, classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    y = np.arange(rows) % classes
    p = generator.dirichlet(np.ones(classes), rows) + 0.4 * np.eye(classes)[y]
    return (p / p.sum(1, keepdims=True)).astype(np.float32), y


def built(p: np.ndarray, y: np.ndarray, decision: Decision, classes: tuple[str, ...] = ("no", "yes")) -> Any:
    raw = build(
        {"test": (p, y)},
        classes,
        decision,
        slopes={"age": [0.1]},
        design={"age": ["age", "age is missing"]},
        coefficients=[{"column": "age", "value": 0.1, "spread": 0.2}],
        points=None,
        iterations=[{"gradient_norm": 1e-9}],
        warnings=["größer"],
    )
    return json.loads(raw)


def test_curves_are_those_of_scikit_learn() -> None:
    """Of fewer points than may stay, each is where scikit-learn has it."""
    p, y = sample(300, 2)
    curves = built(p, y, Decision(2, 0.5))["splits"]["test"]["curves"]["yes"]
    alarms, recall, thresholds = metrics.roc_curve(y, p[:, 1], drop_intermediate=False)
    np.testing.assert_allclose(curves["roc"]["false_positive_rate"], alarms, rtol=1e-5)
    np.testing.assert_allclose(curves["roc"]["true_positive_rate"], recall, rtol=1e-5)
    assert curves["roc"]["threshold"][0] is None
    np.testing.assert_allclose(curves["roc"]["threshold"][1:], thresholds[1:], rtol=1e-5)
    precision, recall, thresholds = metrics.precision_recall_curve(y, p[:, 1])
    found = curves["precision_recall"]
    np.testing.assert_allclose(found["precision"], precision[::-1], rtol=1e-5)
    np.testing.assert_allclose(found["recall"], recall[::-1], rtol=1e-5)
    np.testing.assert_allclose(found["threshold"][1:], thresholds[::-1], rtol=1e-5)


@pytest.mark.parametrize("positive", [0, 1])
def test_the_sweep_is_what_each_threshold_answers(positive: int) -> None:
    """The decision at each threshold has the counts that stand beside it."""
    p, y = sample(3_000, 2)
    document = built(p, y, Decision(2, 0.5, positive))
    sweep = document["splits"]["test"]["curves"][document["positive"]]["sweep"]
    assert len(sweep["threshold"]) == 499
    for place in range(0, 499, 10):
        found = {name: values[place] for name, values in sweep.items()}
        answers = Decision(2, found["threshold"], positive).of_array(p) == positive
        truth = y == positive
        assert found["true_positives"] == (answers & truth).sum()
        assert found["false_positives"] == (answers & ~truth).sum()
        assert found["accuracy"] == pytest.approx((answers == truth).mean(), rel=1e-5)
        assert found["precision"] == pytest.approx(metrics.precision_score(truth, answers), rel=1e-5)
        assert found["recall"] == pytest.approx(metrics.recall_score(truth, answers), rel=1e-5)
        assert found["f1"] == pytest.approx(metrics.f1_score(truth, answers), rel=1e-5)


@pytest.mark.parametrize("classes", [2, 3])
def test_curves_are_short_and_keep_their_areas(classes: int) -> None:
    """Of 30,000 rows 500 points are left, whose area is that of the metrics to 0.001."""
    p, y = sample(30_000, classes)
    names = tuple("abc"[:classes])
    curves = built(p, y, Decision(classes, 0.5), names)["splits"]["test"]["curves"]
    assert list(curves) == (["b"] if classes == 2 else ["a", "b", "c"])
    areas = []
    for curve in curves.values():
        assert {len(values) for values in curve["roc"].values()} == {500}
        areas.append(np.trapezoid(curve["roc"]["true_positive_rate"], curve["roc"]["false_positive_rate"]))
    wanted = evaluate(p, y, Decision(classes, 0.5), 0, intervals=False, seed=0).roc_auc
    assert np.mean(areas) == pytest.approx(wanted, abs=1e-3)


def test_reliability_is_the_calibration_error_of_the_metrics() -> None:
    """The mean distance of its bins is the manifest's number."""
    p, y = sample(1_000, 3)
    bins = built(p, y, Decision(3, 0.5), ("a", "b", "c"))["splits"]["test"]["reliability"]
    distance = np.abs(np.array(bins["predicted"]) - bins["share"])
    found = evaluate(p, y, Decision(3, 0.5), 0, intervals=False, seed=0).calibration_error
    assert found is not None
    assert distance @ bins["rows"] / 1_000 == pytest.approx(found.value, abs=1e-5)
    assert len(bins["rows"]) == found.bins == 15


def test_histograms_part_a_class_from_the_others() -> None:
    """Together they are all rows, each by the probability of the class."""
    p, y = sample(500, 3)
    split = built(p, y, Decision(3, 0.5), ("a", "b", "c"))["splits"]["test"]
    for index, label in enumerate("abc"):
        found = split["histograms"][label]
        assert sum(found["own"]) == (y == index).sum()
        both = np.array(found["own"]) + found["others"]
        assert both.tolist() == np.histogram(p[:, index].astype(np.float64), 20, (0, 1))[0].tolist()


def test_a_class_without_rows_has_no_curve() -> None:
    """Null, and all else is there."""
    p, y = sample(60, 3)
    split = built(p, y % 2, Decision(3, 0.5), ("a", "b", "c"))["splits"]["test"]
    assert split["curves"]["c"] is None
    assert split["curves"]["a"] is not None
    assert sum(split["histograms"]["c"]["own"]) == 0


def test_what_is_handed_in_is_taken_over() -> None:
    """In UTF-8, with the version of the form and the classes."""
    document = built(*sample(60, 2), Decision(2, 0.5, 0))
    assert (document["version"], document["classes"], document["positive"]) == (1, ["no", "yes"], "no")
    assert document["slopes"] == {"age": [0.1]}
    assert document["warnings"] == ["größer"]


def test_a_plane_is_of_two_plain_numbers_and_two_classes() -> None:
    """At most 300 rows, evenly taken, the first and the last among them; null otherwise."""
    item = Numeric(
        name="x",
        missing=Missing(admitted=False, imputed_by=None),
        reference=NumericReference(rows=9, missing=0, mean=0, std=1, min=0, max=1, bins=None),
    )
    raw = np.arange(2000, dtype=np.float32).reshape(1000, 2)
    y = np.arange(1000) % 2
    found: Any = plane([item, item], raw, y, 2)
    assert [len(each) for each in (*found["inputs"], found["classes"])] == [300, 300, 300]
    assert (found["inputs"][0][0], found["inputs"][1][-1]) == (0, 1999)
    assert found["classes"] == [round(x / 2) % 2 for x in found["inputs"][0]]
    few: Any = plane([item, item], raw[:7], y[:7], 2)
    assert few["inputs"][1] == raw[:7, 1].tolist()
    gaps = item.model_copy(update={"missing": Missing(admitted=True, imputed_by=0)})
    assert plane([item, gaps], raw, y, 2) is None
    assert plane([item, item], raw, y, 3) is None
    assert plane([item] * 3, raw, y, 2) is None


def test_scores_are_shares_of_each_class() -> None:
    """They are 20, sum to 1, and an edge belongs to the bin above it but for 1."""
    p, _ = sample(300, 3)
    found = scores(p, ("a", "b", "c"))
    assert found.rows == 300
    assert [len(found.shares[label]) for label in "abc"] == [20, 20, 20]
    assert sum(found.shares["a"]) == pytest.approx(1)
    counts = histogram(np.array([0, 0.05, 0.5, 1]))
    assert np.flatnonzero(counts).tolist() == [0, 1, 10, 19]


def test_each_field_is_described() -> None:
    """docs/evaluation.md names every key of the file."""
    text = (Path(__file__).parents[2] / "docs" / "evaluation.md").read_text(encoding="utf-8")
    document = built(*sample(60, 2), Decision(2, 0.5))
    split = document["splits"]["test"]
    lists = [key for curve in split["curves"]["yes"].values() for key in curve]
    inner = [*split, *split["curves"]["yes"], *lists, *split["reliability"], *split["histograms"]["yes"]]
    assert [key for key in [*document, *inner] if f"`{key}`" not in text] == []
