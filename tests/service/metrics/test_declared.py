"""The metrics, and the page that documents them."""

import asyncio
import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from models.repository import Artifact
from service.metrics.declared import (
    DURATION_BUCKETS,
    SLO_S,
    HostMetrics,
    Metrics,
    open_files,
)
from service.metrics.scrape import TolerantCollector

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
