"""Models' statistics in Triton's form, from the metrics of all processes. Knows nothing of HTTP.

Times and counts are sums over all HTTP processes since the service started. Times are a model's, over all its
versions: the wait for a worker and the calls of the model. What is not measured is zero: `compute_input`,
`compute_output`, the cache's, the time of failures, and when the last inference was.
"""

from collections.abc import Iterable
from typing import Any

from prometheus_client.core import Metric

NANOSECONDS = 1_000_000_000


class _Totals:
    """The samples of one scrape, to be summed by name and labels."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._samples = [sample for family in families for sample in family.samples]

    def sum(self, name: str, **labels: str) -> float:
        """Sum what has this name and these labels."""
        return sum(
            sample.value
            for sample in self._samples
            if sample.name == f"logitserve_{name}" and labels.items() <= sample.labels.items()
        )

    def duration(self, name: str, **labels: str) -> dict[str, int]:
        """Return a histogram of seconds as count and nanoseconds."""
        seconds = self.sum(f"{name}_sum", **labels)
        return {"count": int(self.sum(f"{name}_count", **labels)), "ns": int(seconds * NANOSECONDS)}


def statistics(families: Iterable[Metric], versions: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Return the `model_stats` document of versions, each a model and a number."""
    totals = _Totals(families)
    return {"model_stats": [_of_version(totals, model, version) for model, version in versions]}


def _of_version(totals: _Totals, model: str, version: str) -> dict[str, Any]:
    nothing = {"count": 0, "ns": 0}
    own = {"model": model, "version": version}
    queue = totals.duration("queue_wait_seconds", model=model)
    inference = totals.duration("inference_duration_seconds", model=model)
    scored = int(totals.sum("model_requests_total", **own, outcome="success"))
    return {
        "name": model,
        "version": version,
        "last_inference": 0,
        "inference_count": int(totals.sum("rows_total", **own)),
        "execution_count": int(totals.sum("batch_rows_count", model=model)),
        "inference_stats": {
            "success": {"count": scored, "ns": queue["ns"] + inference["ns"]},
            "fail": nothing | {"count": int(totals.sum("model_requests_total", **own, outcome="fail"))},
            "queue": queue,
            "compute_input": nothing,
            "compute_infer": inference,
            "compute_output": nothing,
            "cache_hit": nothing,
            "cache_miss": nothing,
        },
        "batch_stats": [],
        "memory_usage": [],
    }
