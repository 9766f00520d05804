"""Labels that are taken in this process, and what was counted of them."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, values

from service.feedback.labels import Labels
from service.feedback.seen import Seen
from service.feedback.token import Key
from service.metrics.feedback import FeedbackMetrics
from service.run_directory import metrics_path, seen_path
from tests.service.ledgers import open_ledger

SECRET = b"0123456789abcdef"


class Taking:
    """What an HTTP process has of feedback."""

    def __init__(self, registry: CollectorRegistry, labels: Labels) -> None:
        self.registry = registry
        self.labels = labels

    def count(self, name: str, **labels: str) -> float | None:
        """Return what a scrape would tell."""
        return self.registry.get_sample_value(f"logitserve_feedback_{name}", labels)

    def tokens(self, **outcomes: int) -> bool:
        """Return whether so many tokens came, by outcome, and no others."""
        usual = dict.fromkeys(("taken", "repeated", "late", "refused"), 0)
        return {name: self.count("tokens_total", outcome=name) for name in usual} == usual | outcomes


@contextlib.contextmanager
def taking(folder: Path) -> Iterator[Taking]:
    """Yield it, with its files in a folder."""
    registry, metrics = CollectorRegistry(), metrics_path(folder)
    metrics.mkdir()
    with pytest.MonkeyPatch.context() as patch, open_ledger(metrics, registry) as ledger:
        patch.setattr("prometheus_client.values.ValueClass", values.MutexValue)
        labels = Labels(Key(SECRET), Seen(seen_path(folder)), FeedbackMetrics(registry, ledger), None)
        yield Taking(registry, labels)
