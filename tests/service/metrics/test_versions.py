"""What is counted of a version: once, under its own labels."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, values

from service.metrics.ledger import Ledger
from service.metrics.versions import MOST_REFUSED, VersionCounts, VersionMetrics
from tests.service.ledgers import open_ledger

CLASSES = ("no", "yes")


class Counted:
    """The metrics of versions, in memory."""

    def __init__(self, registry: CollectorRegistry, ledger: Ledger) -> None:
        self.registry = registry
        self.metrics = VersionMetrics(registry, ledger)

    def __call__(self, name: str, **labels: str) -> float | None:
        """Return what a scrape would tell."""
        return self.registry.get_sample_value(f"logitserve_{name}", {"model": "tiny", **labels})


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Counted]:
    """Metrics of one process."""
    monkeypatch.setattr("prometheus_client.values.ValueClass", values.MutexValue)
    registry = CollectorRegistry()
    with open_ledger(tmp_path, registry) as ledger:
        yield Counted(registry, ledger)


def test_each_version_counts_under_its_own_labels(counted: Counted) -> None:
    """Nothing twice."""
    versions = [VersionCounts("tiny", number, CLASSES) for number in ("3", "4")]
    for number, version in enumerate(versions, 1):
        version.batch(5 * number, 2000)
        version.scored += number
        version.failed += 10 * number
    for _ in range(2):
        for version in versions:
            version.flush(counted.metrics)
    assert [counted("rows_total", version=number) for number in ("3", "4")] == [5, 10]
    for number, scored, failed in (("3", 1, 10), ("4", 2, 20)):
        told = [
            counted("model_requests_total", version=number, outcome=outcome)
            for outcome in ("success", "fail")
        ]
        assert told == [scored, failed]


def test_histograms_are_of_all_versions_of_a_model(counted: Counted) -> None:
    """Each version would leave dozens of series behind."""
    for number in ("3", "4"):
        version = VersionCounts("tiny", number, CLASSES)
        version.batch(5, 2000)
        version.queue_wait.add(0.25)
        version.flush(counted.metrics)
    assert counted("batch_rows_count") == 2
    assert counted("batch_rows_sum") == 10
    assert counted("inference_duration_seconds_sum") == pytest.approx(0.004)
    assert counted("queue_wait_seconds_sum") == 0.5
    names = ("queue_wait_seconds", "batch_rows", "inference_duration_seconds")
    families = {family.name.removeprefix("logitserve_"): family for family in counted.registry.collect()}
    for name in names:
        assert not any("version" in sample.labels for sample in families[name].samples)


def test_labels_are_counted_by_their_class(counted: Counted) -> None:
    """By the numbers that the codecs keep, which begin anew."""
    version = VersionCounts("tiny", "3", CLASSES)
    kept = version.labels
    kept[1] += 7
    for _ in range(2):
        version.flush(counted.metrics)
    assert counted("predictions_total", version="3", label="yes") == 7
    assert counted("predictions_total", version="3", label="no") is None
    assert version.labels is kept
    assert kept == [0, 0]


def test_unseen_categories_are_counted_by_input(counted: Counted) -> None:
    """By the numbers that the codecs keep, which begin anew."""
    version = VersionCounts("tiny", "3", CLASSES)
    version.unseen["Höhe"] += 3
    for _ in range(2):
        version.flush(counted.metrics)
    assert counted("unseen_categories_total", version="3", input="Höhe") == 3
    assert not version.unseen


def test_refused_cells_are_counted_by_input_and_kind(counted: Counted) -> None:
    """By the numbers that the codecs keep, which begin anew; each version has its own."""
    versions = [VersionCounts("tiny", number, CLASSES) for number in ("3", "4")]
    versions[0].refused.update({("Höhe", "missing"): 3, ("Höhe", "type"): 1, ('a "b"', "range"): 2})
    versions[1].refused["Höhe", "missing"] += 5
    for _ in range(2):
        for version in versions:
            version.flush(counted.metrics)
    versions[0].refused["Höhe", "type"] += 10
    versions[0].flush(counted.metrics)
    found = {
        tuple(sample.labels[label] for label in ("version", "column", "reason")): sample.value
        for family in counted.registry.collect()
        for sample in family.samples
        if sample.name == "logitserve_drift_refused_inputs_total"
    }
    assert found == {
        ("3", "Höhe", "missing"): 3,
        ("3", "Höhe", "type"): 11,
        ("3", 'a "b"', "range"): 2,
        ("4", "Höhe", "missing"): 5,
    }
    assert not versions[0].refused
    assert not versions[1].refused


def test_series_begin_at_zero(counted: Counted) -> None:
    """Before the first request, or it would be missing in every rate."""
    VersionCounts("tiny", "3", CLASSES).flush(counted.metrics)
    assert counted("rows_total", version="3") == 0
    assert counted("model_requests_total", version="3", outcome="success") == 0
    assert counted("model_requests_total", version="3", outcome="fail") == 0
    assert counted("batch_rows_count") == 0


def test_refused_cells_of_many_inputs_are_counted_together(counted: Counted) -> None:
    """A client may send a thousand wrong ones: those that come first have series of their own."""
    version = VersionCounts("tiny", "3", CLASSES)
    for place in range(MOST_REFUSED + 30):
        version.refused[f"x{place}", "type"] += 1
    version.flush(counted.metrics)
    version.refused["x0", "type"] += 1
    version.refused["another", "type"] += 1
    version.flush(counted.metrics)
    assert counted("drift_refused_inputs_total", version="3", column="x0", reason="type") == 2
    assert counted("drift_refused_inputs_total", version="3", column="", reason="type") == 31
