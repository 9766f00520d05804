"""The metrics, and the page that documents them."""

import asyncio
import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, values

from models.repository import Artifact
from service.metrics.declared import (
    DURATION_BUCKETS,
    FLUSH_S,
    SLO_S,
    HostMetrics,
    Metrics,
    open_files,
)
from service.metrics.scrape import TolerantCollector
from tests.service.virtual_time import VirtualLoop

PAGE = (Path(__file__).parents[3] / "docs" / "metrics.md").read_text()


def documented() -> set[tuple[str, str, str]]:
    """Return name, type and labels of the rows of docs/metrics.md."""
    return set(re.findall(r"^\| `logitserve_(\w+)` \| (\w+) \| ([^|]*?) ?\|", PAGE, re.MULTILINE))


def test_each_metric_is_documented_as_it_is(
    artifact: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """docs/metrics.md has exactly the metrics, with type and labels."""
    monkeypatch.setattr("prometheus_client.values.ValueClass", None)
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "")
    open_files(tmp_path, "api-0")
    registry = CollectorRegistry()
    metrics = Metrics(registry, artifact.manifest, lambda: 0, 1)
    of_main = CollectorRegistry()
    HostMetrics(of_main)

    async def count() -> None:
        metrics.answered("/predict", "POST", 200, 0.001)
        metrics.flush()

    asyncio.run(count())
    found = set()
    for collector in [*registry._collector_to_names, *of_main._collector_to_names]:
        family = collector.describe()[0]
        name = family.name.removeprefix("logitserve_") + ("_total" if family.type == "counter" else "")
        labels = ", ".join(f"`{label}`" for label in collector._labelnames)  # type: ignore[attr-defined]
        found.add((name, family.type, labels))
    found |= {("metric_files_skipped", "gauge", "")}
    assert found == documented()
    names = {family.name for family in TolerantCollector(tmp_path, ["api-0"]).collect()}
    assert "logitserve_http_requests" in names


def test_the_slo_is_a_bucket_edge() -> None:
    """The share of requests within it can be read off the histogram."""
    assert SLO_S in DURATION_BUCKETS


@pytest.fixture
def counted(tiny: Artifact, monkeypatch: pytest.MonkeyPatch) -> tuple[Metrics, CollectorRegistry]:
    """An HTTP process's metrics, in memory."""
    monkeypatch.setattr("prometheus_client.values.ValueClass", values.MutexValue)
    registry = CollectorRegistry()
    return Metrics(registry, tiny.manifest, lambda: 4, 9), registry


def test_what_is_counted_reaches_the_files_together_and_soon(
    loop: VirtualLoop, counted: tuple[Metrics, CollectorRegistry]
) -> None:
    """The hot path pays for no file; a scrape waits as long as it takes."""
    metrics, registry = counted
    answers = {"route": "/predict", "method": "POST", "code": "200"}
    for _ in range(3):
        metrics.answered("/predict", "POST", 200, 0.004)
        metrics.batch(5, 2000)
    assert registry.get_sample_value("logitserve_http_requests_total", answers) is None
    loop.go_on(FLUSH_S)
    told = {
        "http_requests_total": answers,
        "http_request_duration_seconds_sum": {"route": "/predict"},
        "rows_total": {"model": "tiny", "version": "3"},
        "batch_rows_count": {},
        "inference_duration_seconds_sum": {},
        "pending_requests": {},
        "pending_limit": {},
    }
    found = [registry.get_sample_value(f"logitserve_{name}", labels) for name, labels in told.items()]
    assert found == pytest.approx([3, 0.012, 15, 3, 0.006, 4, 9])
    metrics.flush()  # counts nothing twice
    again = [registry.get_sample_value(f"logitserve_{name}", labels) for name, labels in told.items()]
    assert again == found


def test_labels_are_counted_by_their_class(counted: tuple[Metrics, CollectorRegistry]) -> None:
    """By the numbers that the codec keeps, which begin anew."""
    metrics, registry = counted
    metrics.label_counts[1] += 7
    metrics.flush()
    metrics.flush()
    labels = {"model": "tiny", "version": "3"}
    name = "logitserve_predictions_total"
    assert registry.get_sample_value(name, labels | {"label": "yes"}) == 7
    assert registry.get_sample_value(name, labels | {"label": "no"}) is None
    assert metrics.label_counts == [0, 0]


def test_unseen_categories_are_counted_by_input(counted: tuple[Metrics, CollectorRegistry]) -> None:
    """By the numbers that the codecs keep, which begin anew."""
    metrics, registry = counted
    metrics.unseen_counts["Höhe"] += 3
    metrics.flush()
    metrics.flush()
    labels = {"model": "tiny", "version": "3", "input": "Höhe"}
    assert registry.get_sample_value("logitserve_unseen_categories_total", labels) == 3
    assert not metrics.unseen_counts
