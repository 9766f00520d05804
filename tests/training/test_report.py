"""The report's lines, of manifests as a run writes them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.artifact import Artifact
from models.decision import Decision
from models.manifest import Manifest
from models.record import Metrics
from training.evaluate import evaluate
from training.report import boundary, render


def figures(classes: int, decision: Decision, *, intervals: bool) -> Metrics:
    generator = np.random.default_rng(0)
    y = np.arange(120) % 4 % classes
    p = generator.dirichlet(np.ones(classes), 120) + 0.5 * np.eye(classes)[y]
    return evaluate(p / p.sum(1, keepdims=True), y, decision, 0, intervals=intervals, seed=0)


def artifact(classes: tuple[str, ...] = ("benign", "malignant"), **changes: Any) -> Artifact:
    """Return a version with one input, measured on random answers."""
    two = len(classes) == 2
    decision = changes.pop("decision", Decision(len(classes), 0.5))
    fields = {
        "name": "tumours",
        "version": 3,
        "created": "2026-01-01T00:00:00Z",
        "git_commit": None,
        "command": None,
        "options": {},
        "environment": {"libraries": {}, "threads": 1, "device": "cpu", "cpu": None},
        "files": {file: {"sha256": "0" * 64, "size_bytes": 1} for file in ("model.pt", "model.safetensors")},
        "inputs": [
            {
                "kind": "numeric",
                "name": "area",
                "missing": {"admitted": False, "imputed_by": None},
                "reference": {"rows": 9, "missing": 0, "mean": 0, "std": 1, "min": 0, "max": 1, "bins": None},
            }
        ],
        "left_out": [],
        "classes": classes,
        "positive": classes[-1] if two else None,
        "threshold": {"value": 0.5, "rule": "default"},
        "abstain": None,
        "calibration": {"kind": "none", "parameters": {}, "log_loss": None},
        "data": {
            "source": "tumours.csv",
            "sha256": "0" * 64,
            "target": "diagnosis",
            "rows": {"train": 300, "validation": 100, "test": 120},
            "dropped": 0,
            "duplicates": 0,
            "split": {"kind": "hash", "columns": [], "seed": 7, "cuts": {}},
        },
        "fit": {
            "solver": "newton",
            "penalty": 1.0,
            "weights": None,
            "iterations": 8,
            "gradient_norm": 3e-11,
            "tolerance": 1e-9,
            "converged": True,
        },
        "metrics": {
            name: figures(len(classes), decision, intervals=name == "test")
            for name in ("train", "validation", "test")
        },
        "scores": None,
        "invariant": True,
        "golden": [{"input": [0.0], "probabilities": [1 / len(classes)] * len(classes)}],
    }
    return Artifact(Path("store/tumours/3"), Manifest.model_validate(fields | changes), "0" * 64)


def test_each_number_stands_beside_its_baseline() -> None:
    """Log-loss beside the base rate's, precision beside the positive share, accuracy beside majority."""
    published = artifact()
    text = render(published, [])
    test = published.manifest.metrics["test"]
    assert test is not None
    line = next(line for line in text.splitlines() if line.startswith("test "))
    share = 0.5
    entropy = -np.log(share)
    assert line.split()[1:8] == [
        f"{test.log_loss:.4f}",
        f"{entropy:.4f}",
        f"{test.roc_auc:.4f}",
        f"{test.average_precision:.4f}",
        f"{share:.4f}",
        f"{test.accuracy:.1%}",
        f"{share:.1%}",
    ]
    counts = [count for row in test.confusion for count in row]
    assert line.endswith("{} {} / {} {}".format(*counts))


def test_the_whole_report_is_short() -> None:
    """Title, rows, fit, threshold, a line for each split with its interval on test, inputs, path."""
    lines = render(artifact(), [("age", 0.1), ("area", -1.5), ("site", 0.7), ("mass", 0.3)]).splitlines()
    assert lines[0] == "tumours 3: 1 input to diagnosis (benign, malignant)"
    assert lines[1] == "rows       300 train, 100 validation, 120 test; seed 7"
    assert lines[2] == "fit        newton converged after 8 iterations; gradient norm 3.0e-11"
    assert lines[3] == "threshold  malignant from 0.5 on (default)"
    assert [line[:12].strip() for line in lines[5:11]] == [
        *("split", "train", "validation", "test", "95 % from", "to")
    ]
    assert lines[12].startswith("strongest  area -1.50, site +0.70, mass +0.30 (logit per standard deviation")
    assert lines[13:] == ["published  store/tumours/3"]
    assert max(map(len, lines)) <= 110


def test_a_chosen_penalty_is_told_with_how_it_did() -> None:
    """In a line of its own, and what is doubtful about it in another."""
    fit = artifact().manifest.fit.model_dump()
    tried = [(1e-4, 0.6), (10**-1.5, 0.123456), (1e4, 0.7)]
    path = [{"penalty": c, "log_loss": loss, "standard_error": 0.012345} for c, loss in tried]
    chosen = fit | {"penalty": 10**-1.5, "choice": {"rows": 100_000, "folds": 5, "path": path}}
    lines = render(artifact(fit=chosen), [], doubts=["it may be wrong"]).splitlines()
    assert lines[3] == (
        "penalty    0.0316 of 0.0001 to 10000, by 5 folds of 100000 rows; log-loss 0.1235, "
        "standard error 0.0123"
    )
    assert lines[4] == "doubt      it may be wrong"


def test_intervals_are_those_of_the_test_rows() -> None:
    """Their ends stand below the numbers."""
    published = artifact()
    test = published.manifest.metrics["test"]
    assert test is not None
    assert test.intervals is not None
    assert test.intervals.roc_auc is not None
    lines = render(published, []).splitlines()
    low = next(line for line in lines if "95 % from" in line)
    assert low.split()[3:5] == [f"{test.intervals.log_loss.low:.4f}", f"{test.intervals.roc_auc.low:.4f}"]
    columns = [lines[5].index("ROC AUC") + len("ROC AUC"), lines[5].index("avg. prec.") + len("avg. prec.")]
    for column in columns:
        assert all(line[column - 1].isdigit() and line[column] == " " for line in lines[6:9])
        assert low[column - 1].isdigit()


def test_rows_that_chose_something_show_no_figure() -> None:
    """And the report says what was chosen, and how."""
    metrics = artifact().manifest.metrics | {"validation": None}
    calibration = {
        "kind": "platt",
        "parameters": {"slope": 0.5, "offset": -0.25},
        "log_loss": {"before": 0.25, "after": 0.125},
    }
    threshold = {"value": 0.37, "rule": "cost:10"}
    text = render(artifact(metrics=metrics, calibration=calibration, threshold=threshold), [])
    assert "validation none: " in text
    assert "threshold  malignant from 0.37 on (cost:10)" in text
    wanted = "calibrated platt, slope 0.5, offset -0.25; cross-validated log-loss 0.2500 before, 0.1250 after"
    assert wanted in text


@pytest.mark.parametrize("classes", [("benign", "malignant"), ("a", "b", "c")])
def test_a_model_that_abstains_says_how_often(classes: tuple[str, ...]) -> None:
    """With the accuracy of what it answers on test rows."""
    two = len(classes) == 2
    band = (0.4, 0.6) if two else (0.0, 0.6)
    published = artifact(
        classes,
        decision=Decision(len(classes), 0.5, band=band),
        abstain={"low": band[0], "high": band[1], "rule": "given"},
    )
    test = published.manifest.metrics["test"]
    assert test is not None
    line = next(line for line in render(published, []).splitlines() if line.startswith("abstains"))
    where = "from 0.4 on and below 0.6" if two else "below 0.6"
    assert line == (
        f"abstains   {where} (given); {test.abstained:.1%} of test rows, "
        f"{test.accepted_accuracy:.1%} of the others right"
    )


def test_more_classes_have_neither_threshold_nor_inputs_by_strength() -> None:
    """Average precision stands beside the mean share of the classes."""
    text = render(artifact(("a", "b", "c")), [])
    assert "threshold" not in text
    assert "strongest" not in text
    assert next(line for line in text.splitlines() if line.startswith("test")).split()[5] == "0.3333"


def test_a_split_without_a_class_has_no_area() -> None:
    """A dash, and no number is made up."""
    measured = artifact().manifest.metrics["test"]
    assert measured is not None
    lone = measured.model_copy(update={"roc_auc": None, "average_precision": None, "intervals": None})
    line = render(artifact(metrics={"test": lone}), []).splitlines()[6]
    assert line.split()[3:5] == ["-", "-"]


@pytest.mark.parametrize("threshold", [0.5, 0.2])
def test_the_boundary_is_where_the_answer_changes(threshold: float) -> None:
    """A raw point on the printed line has the threshold's probability."""
    text = boundary(["x", "y"], [3.0, -0.25], 0.7, threshold)
    assert text is not None
    w1, _, _, w2, _, _, b, _, _ = text.split()
    x = 2.0
    y = (-float(b) - float(w1) * x) / float(w2)
    assert 1 / (1 + np.exp(-(0.7 + 3.0 * x - 0.25 * y))) == pytest.approx(threshold, abs=1e-4)
    assert f"boundary   {text}" in render(artifact(), [], text)


def test_there_is_a_boundary_in_the_plane_only() -> None:
    """And none where every answer is the same."""
    assert boundary(["x"], [1.0], 0.0, 0.5) is None
    assert boundary(["x", "y"], [1.0, 2.0], 0.0, 0.0) is None
