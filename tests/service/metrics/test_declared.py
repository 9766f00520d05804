"""The metrics, and the page that documents them."""

import asyncio
import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, values

from service.drift.exposition import FAMILIES
from service.metrics.buckets import DURATION_BUCKETS, SLO_S
from service.metrics.declared import FLUSH_S, HostMetrics, Metrics, open_files
from service.metrics.feedback import FEEDBACK_COUNTERS, FeedbackMetrics
from service.metrics.ledger import Ledger
from service.metrics.scrape import TolerantCollector
from service.metrics.versions import COUNTERS, VersionCounts
from tests.service.ledgers import open_ledger
from tests.service.virtual_time import VirtualLoop

PAGE = (Path(__file__).parents[3] / "docs" / "metrics.md").read_text()


def documented() -> set[tuple[str, str, str]]:
    """Return name, type and labels of the rows of docs/metrics.md."""
    return set(re.findall(r"^\| `logitserve_(\w+)` \| (\w+) \| ([^|]*?) ?\|", PAGE, re.MULTILINE))


def test_each_metric_is_documented_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """docs/metrics.md has exactly the metrics, with type and labels."""
    monkeypatch.setattr("prometheus_client.values.ValueClass", None)
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "")
    open_files(tmp_path, "api-0")
    registry = CollectorRegistry()
    ledger = Ledger(tmp_path, "api-0")
    metrics = Metrics(registry, ledger, lambda: 0, 1)
    FeedbackMetrics(registry, ledger)
    of_main = CollectorRegistry()
    HostMetrics(of_main)

    async def count() -> None:
        metrics.answered("/predict", "POST", 200, 0.001)
        metrics.flush()

    with contextlib.closing(ledger):
        asyncio.run(count())
    found = set()
    for collector in [*registry._collector_to_names, *of_main._collector_to_names]:
        family = collector.describe()[0]
        name = family.name.removeprefix("logitserve_") + ("_total" if family.type == "counter" else "")
        labels = ", ".join(f"`{label}`" for label in collector._labelnames)  # type: ignore[attr-defined]
        found.add((name, family.type, labels))
    for declared in (*COUNTERS, *FEEDBACK_COUNTERS):
        labels = ", ".join(f"`{label}`" for label in declared.labels)
        found.add((f"{declared.name.removeprefix('logitserve_')}_total", "counter", labels))
    for written in FAMILIES:
        found.add((written.name, written.kind, ", ".join(f"`{label}`" for label in written.labels)))
    of_scrape = TolerantCollector(tmp_path, ["api-0"], [], {}, lambda *_: False, "id")
    for family in of_scrape.collect():
        if family.name == "logitserve_metric_files_skipped":
            found.add(("metric_files_skipped", "gauge", ""))
        elif family.name in {"logitserve_model_info", "logitserve_instance_info"}:
            labels = ", ".join(f"`{label}`" for label in family._labelnames)  # type: ignore[attr-defined]
            found.add((family.name.removeprefix("logitserve_"), "gauge", labels))
    assert found == documented()
    names = {family.name for family in of_scrape.collect()}
    assert "logitserve_http_requests" in names


def test_the_slo_is_a_bucket_edge() -> None:
    """The share of requests within it can be read off the histogram."""
    assert SLO_S in DURATION_BUCKETS


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[tuple[Metrics, CollectorRegistry]]:
    """An HTTP process's metrics, in memory."""
    monkeypatch.setattr("prometheus_client.values.ValueClass", values.MutexValue)
    registry = CollectorRegistry()
    with open_ledger(tmp_path, registry) as ledger:
        yield Metrics(registry, ledger, lambda: 4, 9), registry


def test_what_is_counted_reaches_the_files_together_and_soon(
    loop: VirtualLoop, counted: tuple[Metrics, CollectorRegistry]
) -> None:
    """The hot path pays for no file; a scrape waits as long as it takes."""
    metrics, registry = counted
    metrics.version_counts = [VersionCounts("tiny", "3", ("no", "yes"))]
    answers = {"route": "/predict", "method": "POST", "code": "200"}
    for _ in range(3):
        metrics.answered("/predict", "POST", 200, 0.004)
        metrics.version_counts[0].batch(5, 2000)
    assert registry.get_sample_value("logitserve_http_requests_total", answers) is None
    loop.go_on(FLUSH_S)
    told = {
        "http_requests_total": answers,
        "http_request_duration_seconds_sum": {"route": "/predict"},
        "rows_total": {"model": "tiny", "version": "3"},
        "batch_rows_count": {"model": "tiny"},
        "inference_duration_seconds_sum": {"model": "tiny"},
        "pending_requests": {},
        "pending_limit": {},
    }
    found = [registry.get_sample_value(f"logitserve_{name}", labels) for name, labels in told.items()]
    assert found == pytest.approx([3, 0.012, 15, 3, 0.006, 4, 9])
    metrics.flush()  # counts nothing twice
    again = [registry.get_sample_value(f"logitserve_{name}", labels) for name, labels in told.items()]
    assert again == found
