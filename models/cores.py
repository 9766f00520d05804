"""How many cores a process may use, and what says so. Knows nothing of models.

It stands here because training and service both ask, and never import each other.
"""

import math
import os
from pathlib import Path
from typing import NamedTuple

CGROUPS = Path("/sys/fs/cgroup")
OWN_CGROUP = Path("/proc/self/cgroup")


class Cores(NamedTuple):
    """How many cores are usable, and which limit is the smallest."""

    usable: int
    reason: str


def usable_cores() -> int:
    """Return how many cores this process may use."""
    return find_cores().usable


def find_cores(cgroups: Path = CGROUPS, own: Path = OWN_CGROUP) -> Cores:
    """Return the smallest of the machine's cores, this process's affinity, and its cgroups' CPU quota.

    A quota is rounded up: 1.5 cores are two processes that take turns. `cgroups` is where cgroup file systems
    are mounted, `own` the file that says in which of their folders this process is.
    """
    found = [Cores(os.cpu_count() or 1, "the machine's cores")]
    if hasattr(os, "sched_getaffinity"):
        found.append(Cores(len(os.sched_getaffinity(0)), "the process's CPU affinity"))
    quota = _quota(cgroups, own)
    if quota is not None:
        found.append(Cores(max(1, math.ceil(quota)), f"a cgroup's CPU quota of {quota:g}"))
    return min(found, key=lambda each: each.usable)


def _quota(cgroups: Path, own: Path) -> float | None:
    """Return the smallest quota, in cores, of this process's cgroup and of those around it."""
    quotas = [quota for folder in _folders(cgroups, own) if (quota := _quota_of(folder)) is not None]
    return min(quotas, default=None)


def _folders(cgroups: Path, own: Path) -> list[Path]:
    """Return the folders that may hold a CPU quota of this process, in the layouts of both versions."""
    found = [cgroups, cgroups / "cpu", cgroups / "cpu,cpuacct"]
    for line in (_read(own) or "").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers and "cpu" not in controllers.split(","):
            continue
        root = cgroups / controllers if controllers else cgroups
        # In a container the path may be the host's, of which nothing is mounted: then the roots above hold.
        inner = [part for part in path.split("/") if part not in {"", ".."}]
        for mounted in (root, cgroups / "cpu", cgroups / "unified"):
            found += [mounted.joinpath(*inner[:depth]) for depth in range(1, len(inner) + 1)]
    return found


def _quota_of(folder: Path) -> float | None:
    words = (_read(folder / "cpu.max") or "").split()
    if not words:
        words = [_read(folder / f"cpu.cfs_{name}_us") or "" for name in ("quota", "period")]
    try:
        quota, period = (float(word) for word in words)
    except ValueError:  # "max", or no quota at all
        return None
    return quota / period if quota > 0 and period > 0 else None


def _read(path: Path) -> str | None:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return None
