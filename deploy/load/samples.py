"""What came of a load: one sample a request, and the figures drawn from them."""

from collections import Counter
from dataclasses import dataclass
from math import ceil
from typing import NamedTuple

BROKEN = 0
"""The status of a request that got no answer."""


class Sample(NamedTuple):
    """One request: when it was due (seconds from the start), how long after that it ended, and how.

    `right` is what the run's `verify` said of the answer; `why` names the failure of one without an answer.
    """

    scheduled_s: float
    latency_s: float
    status: int
    right: bool = True
    why: str = ""


@dataclass(frozen=True)
class Result:
    """All samples of a run that was to last `seconds`."""

    seconds: float
    samples: list[Sample]

    def counts(self) -> Counter[int]:
        """Count the samples by status."""
        return Counter(sample.status for sample in self.samples)

    def rate(self, status: int = 200) -> float:
        """Return how many answers of `status` there were a second, of those that came within the run."""
        in_time = (sample for sample in self.samples if sample.scheduled_s + sample.latency_s <= self.seconds)
        return sum(sample.status == status for sample in in_time) / self.seconds

    def wrong(self) -> int:
        """Count the answers that were not right."""
        return sum(not sample.right for sample in self.samples)

    def broken(self) -> Counter[str]:
        """Count the requests without an answer, by reason."""
        return Counter(sample.why for sample in self.samples if sample.status == BROKEN)

    def percentile(self, percent: float, status: int = 200) -> float:
        """Return the latency, in seconds, within which so many percent of the answers of `status` came."""
        latencies = sorted(sample.latency_s for sample in self.samples if sample.status == status)
        return latencies[max(0, ceil(percent / 100 * len(latencies)) - 1)] if latencies else float("nan")

    def report(self) -> dict[str, object]:
        """Return the figures: answers a second and latencies in milliseconds, by status."""
        return {
            "requests": len(self.samples),
            "wrong": self.wrong(),
            "broken": dict(self.broken()),
            "by_status": {
                status: {
                    "count": count,
                    "a_second": round(self.rate(status), 1),
                    **{f"p{p}_ms": round(self.percentile(p, status) * 1e3, 1) for p in (50, 99, 100)},
                }
                for status, count in sorted(self.counts().items())
                if status != BROKEN
            },
        }
