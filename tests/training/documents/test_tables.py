"""The tables of a report, against the manifest and evaluation.json of real versions."""

import io
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch

from training.documents import tables
from training.report import base


def test_the_baseline_is_that_of_the_terminal(versions: Mapping[str, Any]) -> None:
    """Log-loss of the class shares, a half, the positive share, and the majority."""
    manifest = versions["two classes"].manifest
    test = manifest.metrics["test"]
    entropy, share = base(test, 1)
    found = tables.measures(manifest)
    assert [each.name for each in found][:3] == ["Log-loss", "ROC AUC", "Average precision"]
    told = [float(each.base) for each in found[:3]]
    assert told == pytest.approx([entropy, 0.5, share], abs=6e-4)
    assert found[3].base == f"{test.baseline_accuracy:.1%}".replace("%", "\u00a0%")
    ends = [test.intervals.log_loss, test.intervals.roc_auc, test.intervals.average_precision]
    for each, interval in zip(found, ends, strict=False):
        low, high = map(float, each.interval.split(" to "))
        assert (low, high) == pytest.approx((interval.low, interval.high), abs=6e-4)


def test_a_split_without_figures_has_dashes(versions: Mapping[str, Any]) -> None:
    """In the figures and in the rows of each class."""
    manifest = versions["mixed"].manifest
    assert {each.values[1] for each in tables.measures(manifest)} == {"–"}  # noqa: RUF001
    rows = tables.class_rows(manifest, [0, 1])
    assert [counts[1] for _, counts in rows] == [None, None]
    assert sum(counts[2] or 0 for _, counts in rows) == manifest.data.rows["test"]


def test_of_many_classes_those_with_the_most_rows_are_shown(versions: Mapping[str, Any]) -> None:
    """And the others are one, so that no row is lost."""
    few = [index for index in range(10) if index not in (2, 5)]
    manifest = versions["wide"].manifest
    test = manifest.metrics["test"]
    folded = tables.folded(test.confusion, few)
    counts = np.array(test.confusion)
    assert folded.shape == (9, 9)
    assert folded.sum() == counts.sum()
    assert folded[-1, -1] == counts[np.ix_([2, 5], [2, 5])].sum()
    assert folded[:-1, :-1].tolist() == counts[np.ix_(few, few)].tolist()
    assert tables.class_rows(manifest, few)[-1] == (
        None,
        [int(np.array(manifest.metrics[name].confusion)[[2, 5]].sum()) for name in tables.SPLITS],
    )
    many = np.diag(np.arange(1, 13)).tolist()
    grown = manifest.model_copy(
        update={
            "classes": tuple(map(str, range(12))),
            "metrics": {"test": test.model_copy(update={"confusion": many})},
        }
    )
    assert tables.shown_classes(grown) == list(range(2, 12))


@pytest.mark.parametrize("kind", ["two classes", "two inputs", "mixed", "lopsided"])
def test_the_served_threshold_stands_among_others(kind: str, versions: Mapping[str, Any]) -> None:
    """With the counts of the confusion; each other one has those of the sweep, and they fall in order."""
    version = versions[kind]
    manifest, test = version.manifest, version.manifest.metrics["test"]
    curves = version.document["splits"]["test"]["curves"][manifest.positive]
    found = tables.offers(curves["sweep"], manifest, test)
    [served] = [offer for offer in found if offer.served]
    index = manifest.classes.index(manifest.positive)
    assert served.threshold == manifest.threshold.value
    assert served.missed == test.confusion[index][1 - index]
    assert served.false == test.confusion[1 - index][index]
    assert served.accuracy == test.accuracy
    assert [offer.threshold for offer in found] == sorted((each.threshold for each in found), reverse=True)
    rows = manifest.data.rows["test"]
    for offer in found:
        assert offer.accuracy == pytest.approx(1 - (offer.false + offer.missed) / rows, rel=1e-5)
        if offer.told:
            assert offer.precision == pytest.approx(1 - offer.false / offer.told, rel=1e-5)
    assert 3 <= len(found) <= len(tables.OFFERED) + 1


def test_nothing_is_precise_about_what_is_never_answered() -> None:
    """A class without rows, or of all rows, has no point on a curve."""
    assert tables.served_at([[5, 0], [5, 0]], 1) == (0, 0, None)
    assert tables.served_at([[8, 2], [1, 9]], 1) == (0.2, 0.9, 9 / 11)
    assert tables.served_at([[5, 5], [0, 0]], 1) is None
    assert tables.served_at([[0, 0], [5, 5]], 1) is None


def test_coefficients_fall_and_the_intercept_is_apart(versions: Mapping[str, Any]) -> None:
    """By the largest of their values, or by that of one class."""
    version = versions["three classes"]
    found, intercept = tables.coefficients(version.document)
    assert len(found) == 4
    assert intercept.column == "intercept"
    largest = [max(map(abs, each.values)) for each in found]
    assert largest == sorted(largest, reverse=True)
    own = [abs(each.values[1]) for each in tables.ranked(found, 1)]
    assert own == sorted(own, reverse=True)
    assert found[0].spread(2) == found[0].spreads[2]
    assert tables.Coefficient("a", (1.0,), None).spread(0) is None


@pytest.mark.parametrize("positive", ["0", "1"])
def test_the_line_is_where_the_module_changes_its_answer(positive: str, versions: Mapping[str, Any]) -> None:
    """Its probability there is the threshold's."""
    version = versions["two inputs"]
    manifest = version.manifest.model_copy(update={"positive": positive})
    a, b, c = tables.line(version.document, manifest)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        module = torch.jit.load(io.BytesIO(version.artifact.read("model.pt")))
    x = torch.linspace(-4, 4, 9)
    p = module(torch.stack([x, -(a * x + c) / b], 1))[:, int(positive)]
    assert p.numpy() == pytest.approx(0.3, abs=1e-4)


def test_there_is_a_line_in_the_plane_only(versions: Mapping[str, Any]) -> None:
    """And none where every answer is the same."""
    for kind in ("two classes", "three classes", "mixed"):
        assert tables.line(versions[kind].document, versions[kind].manifest) is None
    version = versions["two inputs"]
    threshold = version.manifest.threshold.model_copy(update={"value": 0.0})
    assert tables.line(version.document, version.manifest.model_copy(update={"threshold": threshold})) is None


def test_a_split_that_was_not_measured_whole_is_known(versions: Mapping[str, Any]) -> None:
    """By its rows: the counts of its classes are of some of them."""
    manifest = versions["two classes"].manifest
    assert not tables.sampled(manifest)
    assert not tables.sampled(versions["mixed"].manifest)  # whose validation rows are not measured at all
    larger = manifest.data.model_copy(update={"rows": {**manifest.data.rows, "train": 10**7}})
    assert tables.sampled(manifest.model_copy(update={"data": larger}))
