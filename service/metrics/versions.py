"""What is counted of each version of a model that answers. Knows nothing of HTTP.

Series are by model and version, of those that answer or did; histograms by model alone, or each version would
leave dozens of series behind.
"""

from __future__ import annotations

from collections import Counter as Counts
from typing import TYPE_CHECKING

from prometheus_client import Histogram

from service.metrics.buckets import DURATION_BUCKETS, INFERENCE_BUCKETS, ROWS_BUCKETS
from service.metrics.ledger import Declared
from service.metrics.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from prometheus_client import CollectorRegistry

    from service.metrics.ledger import Ledger


def _by_version(name: str, text: str, *labels: str) -> Declared:
    return Declared(f"logitserve_{name}", text, ("model", "version", *labels))


ROWS = _by_version("rows", "Rows scored.")
REQUESTS = _by_version(
    "model_requests", "Requests that were scored, and that were taken and failed.", "outcome"
)
PREDICTIONS = _by_version("predictions", "Rows answered, by the label they got.", "label")
UNSEEN = _by_version("unseen_categories", "Cells whose category the model was not trained on.", "input")
REFUSED = _by_version("drift_refused_inputs", "Cells that validation refused.", "column", "reason")
MOST_REFUSED = 50
"""Inputs of a version that refused cells are counted by; those of more are counted together, under no name: a
client may send a thousand wrong ones."""
COUNTERS = (ROWS, REQUESTS, PREDICTIONS, UNSEEN, REFUSED)
"""Those whose series leave with their version."""


class VersionCounts:
    """What was counted of one version since the last flush; codecs and the batcher count."""

    __slots__ = (
        "_batch_rows",
        "_classes",
        "_inference",
        "_refused",
        "_rows",
        "_series",
        "failed",
        "labels",
        "model",
        "queue_wait",
        "refused",
        "scored",
        "unseen",
        "version",
    )

    def __init__(self, model: str, version: str, classes: Sequence[str]) -> None:
        self.model, self.version = model, version
        self._classes = classes
        self._series: VersionSeries | None = None
        self._rows = 0
        self.scored = self.failed = 0
        """Requests."""
        self.labels = [0] * len(classes)
        """Rows answered, by class."""
        self.unseen: Counts[str] = Counts()
        """Categories that training did not see, by input."""
        self.refused: Counts[tuple[str, str]] = Counts()
        """Cells that were refused, by input and kind."""
        self._refused: set[str] = set()
        self.queue_wait = Tally(DURATION_BUCKETS)
        self._batch_rows = Tally(ROWS_BUCKETS)
        self._inference = Tally(INFERENCE_BUCKETS)

    def batch(self, rows: int, microseconds: int) -> None:
        """Count one call of the model."""
        self._rows += rows
        self._batch_rows.add(rows)
        self._inference.add(microseconds / 1e6)

    def flush(self, into: VersionMetrics) -> None:
        """Move what was counted into the metric files."""
        series = self._series
        new = series is None  # a series that begins at 0 has a rate from its start
        if series is None:
            series = self._series = VersionSeries(into, self.model, self.version, self._classes)
        add = into.ledger.add
        if self._rows or new:
            add(series.rows, self._rows)
            self._rows = 0
        if self.scored or new:
            add(series.scored, self.scored)
            self.scored = 0
        if self.failed or new:
            add(series.failed, self.failed)
            self.failed = 0
        for index, count in enumerate(self.labels):
            if count:
                add(series.predictions[index], count)
                self.labels[index] = 0
        self._move(UNSEEN, self.unseen, add)
        if self.refused:
            self._move(REFUSED, self._few(self.refused), add)
        for tally, histogram in (
            (self.queue_wait, series.queue_wait),
            (self._batch_rows, series.batch_rows),
            (self._inference, series.inference),
        ):
            if tally or new:
                tally.flush(histogram)

    def _few(self, refused: Counts[tuple[str, str]]) -> Counts[tuple[str, str]]:
        """Return what was refused with MOST_REFUSED names at most, and forget it."""
        found: Counts[tuple[str, str]] = Counts()
        for (name, kind), count in refused.items():
            if name not in self._refused and len(self._refused) < MOST_REFUSED:
                self._refused.add(name)
            found[name if name in self._refused else "", kind] += count
        refused.clear()
        return found

    def _move(
        self,
        counter: Declared,
        counts: Counts[str] | Counts[tuple[str, str]],
        add: Callable[[str, float], None],
    ) -> None:
        """Count what has a label or several more than the version."""
        for labels, count in counts.items():
            more = (labels,) if isinstance(labels, str) else labels
            add(counter.key(self.model, self.version, *more), count)
        counts.clear()


class VersionSeries:
    """The series of one version: to look each up by its labels would take as long as to count."""

    def __init__(self, metrics: VersionMetrics, model: str, version: str, classes: Sequence[str]) -> None:
        self.rows = ROWS.key(model, version)
        self.scored = REQUESTS.key(model, version, "success")
        self.failed = REQUESTS.key(model, version, "fail")
        self.predictions = [PREDICTIONS.key(model, version, label) for label in classes]
        self.queue_wait = metrics.queue_wait.labels(model)
        self.batch_rows = metrics.batch_rows.labels(model)
        self.inference = metrics.inference.labels(model)


class VersionMetrics:
    """The metrics that have a model in their labels; those with a version stand in the ledger."""

    def __init__(self, registry: CollectorRegistry, ledger: Ledger) -> None:
        def histogram(name: str, text: str, buckets: tuple[float, ...]) -> Histogram:
            return Histogram(f"logitserve_{name}", text, ("model",), buckets=buckets, registry=registry)

        self.ledger = ledger
        self.queue_wait = histogram(
            "queue_wait_seconds", "From admission to the send to a worker.", DURATION_BUCKETS
        )
        self.batch_rows = histogram("batch_rows", "Rows in one call of the model.", ROWS_BUCKETS)
        self.inference = histogram("inference_duration_seconds", "One call of the model.", INFERENCE_BUCKETS)
