"""From a measured rate to settings: what one pod is asked to hold, and how many pods. Knows nothing of load.

Little's law holds throughout: requests in flight = rate x the time that each stays.
"""

from dataclasses import dataclass
from math import ceil
from typing import Any

HEADROOM = 0.7
"""Share of its highest rate that a pod is to run at: the rest is for bursts, and for a pod that was lost."""
LONGEST_WAIT_S = 1.0
"""The longest queue worth having: who would wait longer is refused, and told when to come back."""


@dataclass(frozen=True)
class Measured:
    """What one pod did: its highest rate within the SLO, and the mean stay at `HEADROOM` of that rate."""

    rate_per_s: float
    mean_s: float
    processes: int


def derive(measured: Measured, wanted_per_s: float) -> dict[str, Any]:
    """Return the settings, each with its arithmetic; `wanted_per_s` is what all pods together must take."""
    rate = measured.rate_per_s
    planned = HEADROOM * rate
    in_flight = planned * measured.mean_s
    pending = max(1, ceil(rate * LONGEST_WAIT_S / measured.processes))
    retry_s = max(1, round(pending * measured.processes / rate))
    replicas = ceil(wanted_per_s / planned) + 1
    return {
        "SERVICE_MAX_PENDING": pending,
        "retry_after_s": retry_s,
        "hpa_in_flight_per_pod": max(1, round(in_flight)),
        "wanted_per_s": wanted_per_s,
        "replicas": replicas,
        "arithmetic": {
            "SERVICE_MAX_PENDING": (
                f"{rate:.0f}/s x {LONGEST_WAIT_S:g} s of waiting / {measured.processes} processes = {pending}"
            ),
            "retry_after_s": f"{pending} x {measured.processes} pending / {rate:.0f}/s = {retry_s} s",
            "hpa_in_flight_per_pod": (
                f"{HEADROOM:g} x {rate:.0f}/s x {measured.mean_s * 1e3:.2f} ms = {in_flight:.1f} in flight"
            ),
            "replicas": f"{wanted_per_s:.0f}/s / ({HEADROOM:g} x {rate:.0f}/s), and one to lose = {replicas}",
        },
    }
