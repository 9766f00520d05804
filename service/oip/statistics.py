"""A model's statistics in Triton's form, from the metrics of all processes. Knows nothing of HTTP.

Times and counts are sums over all HTTP processes since the service started. What is not measured is zero:
`compute_input`, `compute_output`, the cache's, the time of failures, and when the last inference was.
"""

from collections.abc import Iterable
from typing import Any

from prometheus_client.core import Metric

from service.paths import DATA_PLANE

NANOSECONDS = 1_000_000_000
SERVER_ERRORS = "5"


class _Totals:
    """The samples of one scrape, to be summed by name and labels."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._samples = [sample for family in families for sample in family.samples]

    def sum(self, name: str, code: str = "", routes: tuple[str, ...] = ()) -> float:
        """Sum what has this name, a status code that begins so, and one of these routes."""
        return sum(
            sample.value
            for sample in self._samples
            if sample.name == f"logitserve_{name}"
            and sample.labels.get("code", "").startswith(code)
            and (not routes or sample.labels.get("route") in routes)
        )

    def duration(self, name: str, routes: tuple[str, ...] = ()) -> dict[str, int]:
        """Return a histogram of seconds as count and cumulative nanoseconds."""
        seconds = self.sum(f"{name}_sum", routes=routes)
        count = self.sum(f"{name}_count", routes=routes)
        return {"count": int(count), "ns": int(seconds * NANOSECONDS)}


def statistics(families: Iterable[Metric], name: str, version: str) -> dict[str, Any]:
    """Return the `model_stats` document of the one version that is served."""
    totals = _Totals(families)
    nothing = {"count": 0, "ns": 0}
    answered = totals.duration("http_request_duration_seconds", DATA_PLANE)
    return {
        "model_stats": [
            {
                "name": name,
                "version": version,
                "last_inference": 0,
                "inference_count": int(totals.sum("rows_total")),
                "execution_count": int(totals.sum("batch_rows_count")),
                "inference_stats": {
                    # The time is that of every answer of the routes: refusals take next to none of it.
                    "success": answered
                    | {"count": int(totals.sum("http_requests_total", "200", DATA_PLANE))},
                    "fail": nothing
                    | {"count": int(totals.sum("http_requests_total", SERVER_ERRORS, DATA_PLANE))},
                    "queue": totals.duration("queue_wait_seconds"),
                    "compute_input": nothing,
                    "compute_infer": totals.duration("inference_duration_seconds"),
                    "compute_output": nothing,
                    "cache_hit": nothing,
                    "cache_miss": nothing,
                },
                "batch_stats": [],
                "memory_usage": [],
            }
        ]
    }
