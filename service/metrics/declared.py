"""Every metric that a process counts; a scrape adds one of its own. Knows nothing of HTTP.

The hot path only counts in Python numbers; they reach the metric files together, `FLUSH_S` later at most.
"""

import asyncio
import logging
import os
from collections import Counter as Counts
from collections.abc import Callable, Iterable
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, values

from service.metrics.buckets import DURATION_BUCKETS
from service.metrics.ledger import Ledger
from service.metrics.tally import Tally
from service.metrics.versions import VersionCounts, VersionMetrics

FLUSH_S = 0.02
"""How long what was counted waits for more at most; a scrape has it brought at once."""

LOG_DROPPED = "Log lines that nobody took, of main and the HTTP processes."

log = logging.getLogger("logitserve.metrics")


def open_files(directory: Path, slot: str) -> None:
    """Keep this process's metrics in `directory`, under `slot`.

    A slot (main, api-0, …) outlives its process: the next one goes on with the same files, so that totals
    never fall and files do not pile up. Metrics made before this call are not moved.
    """
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(directory)
    values.ValueClass = values.MultiProcessValue(lambda: slot)  # type: ignore[no-untyped-call]


class HostMetrics:
    """What the main process knows."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"logitserve_{name}", text, labels, registry=registry)

        self.worker_up = Gauge(
            "logitserve_worker_up",
            "1 while the worker is ready.",
            ["worker"],
            registry=registry,
            multiprocess_mode="max",
        )
        self.worker_restarts = counter(
            "worker_restarts_total", "Workers started anew, by why the last one ended.", "reason"
        )
        self.log_dropped = counter("log_dropped_total", LOG_DROPPED)
        self.model_loads = counter("model_loads_total", "Models that a worker loaded or refused.", "result")
        self.model_load_timestamp = Gauge(
            "logitserve_model_load_timestamp_seconds",
            "Unix time of the last successful load.",
            registry=registry,
            multiprocess_mode="max",
        )


class Metrics:
    """What an HTTP process counts."""

    def __init__(
        self, registry: CollectorRegistry, ledger: Ledger, pending: Callable[[], int], limit: int
    ) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"logitserve_{name}", text, labels, registry=registry)

        def histogram(name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
            return Histogram(f"logitserve_{name}", text, labels, buckets=buckets, registry=registry)

        def gauge(name: str, text: str, mode: str, *labels: str) -> Gauge:
            return Gauge(f"logitserve_{name}", text, labels, registry=registry, multiprocess_mode=mode)  # type: ignore[arg-type]

        self._pending = pending
        self._http_requests = counter("http_requests_total", "Requests answered.", "route", "method", "code")
        self._http_duration = histogram(
            "http_request_duration_seconds",
            "From a request's first byte to its answer.",
            DURATION_BUCKETS,
            "route",
        )
        self._pending_requests = gauge("pending_requests", "Requests admitted and unanswered.", "sum")
        self._rejected = counter("rejected_total", "Requests and connections refused.", "reason")
        self._cancelled = counter("cancelled_total", "Requests whose client left before the answer.")
        self.log_dropped = counter("log_dropped_total", LOG_DROPPED)
        gauge("pending_limit", "Requests that may be pending.", "sum").set(limit)
        self._pending_requests.set(0)

        self._versions = VersionMetrics(registry, ledger)
        self.version_counts: Iterable[VersionCounts] = ()
        """Of the versions that answer; whoever opens them sets it."""
        self._durations: dict[str, Tally] = {}
        self._counts: Counts[tuple[str, str, int]] = Counts()
        self._flushing = False

    def answered(self, route: str, method: str, code: int, seconds: float) -> None:
        """Count an answer, whichever it is."""
        self._counts[route, method, code] += 1
        tally = self._durations.get(route)
        if tally is None:
            tally = self._durations[route] = Tally(DURATION_BUCKETS)
        tally.add(seconds)
        self.soon()

    def cancelled(self) -> None:
        """Count a client that left."""
        self._cancelled.inc()
        self.soon()

    def rejected(self, reason: str) -> None:
        """Count a refusal: `overloaded` or `connections`."""
        self._rejected.labels(reason).inc()

    def soon(self) -> None:
        """Have what was counted reach the files within FLUSH_S."""
        if not self._flushing:
            self._flushing = True
            asyncio.get_running_loop().call_later(FLUSH_S, self.flush)

    def forget(self, is_over: Callable[[str, str], bool]) -> None:
        """Let go of the series of a model's versions that are over."""
        self._versions.ledger.forget(lambda labels: is_over(labels["model"], labels["version"]))

    def flush(self) -> None:
        """Move what was counted into the metric files."""
        self._flushing = False
        for (route, method, code), count in self._counts.items():
            self._http_requests.labels(route, method, str(code)).inc(count)
        self._counts.clear()
        for route, tally in self._durations.items():
            tally.flush(self._http_duration.labels(route))
        self._durations.clear()
        for counts in self.version_counts:
            counts.flush(self._versions)
        self._pending_requests.set(self._pending())
