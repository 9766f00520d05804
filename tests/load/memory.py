"""What the processes of a service hold, by what they are."""

from collections.abc import Iterable

import psutil

from tests.e2e.running import Service

MIB = 2**20

Memory = dict[str, dict[str, float]]
"""Of each kind of process how many there are, and their `pss` and `rss` together in MiB."""


def look(service: Service) -> Memory:
    """Measure every process of a service; a page that several share counts once in `pss`."""
    kinds = {
        "main": [service.main],
        "librarian": [service.librarian()],
        "workers": service.workers(),
        "http": service.apis(),
    }
    return {kind: _sum(processes) for kind, processes in kinds.items()}


def growth(before: Memory, after: Memory) -> float:
    """Return the most by which the RSS of a kind has grown, as a ratio.

    PSS also changes with what other programs share: the libraries that they map.
    """
    return max(after[kind]["rss"] / before[kind]["rss"] for kind in before)


def _sum(processes: Iterable[psutil.Process]) -> dict[str, float]:
    found = [process.memory_full_info() for process in processes]
    return {
        "processes": len(found),
        "pss": round(sum(each.pss for each in found) / MIB, 2),
        "rss": round(sum(each.rss for each in found) / MIB, 2),
    }
