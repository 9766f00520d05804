"""Usable cores, from trees of files as the kernel shows them."""

import os
from pathlib import Path

import pytest

from models.cores import find_cores, usable_cores


def tree(root: Path, own: str, files: dict[str, str]) -> tuple[Path, Path]:
    """Write a cgroup file system and the file that names the process's own group."""
    for name, content in files.items():
        path = root / "cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    (root / "own").write_text(own)
    return root / "cgroup", root / "own"


UNLIMITED = len(os.sched_getaffinity(0))
LAYOUTS = {
    "version 2, a container's own root": ("0::/\n", {"cpu.max": "50000 100000\n"}),
    "version 2, nested": (
        "0::/a/b\n",
        {"cpu.max": "max 100000\n", "a/cpu.max": "100000 100000\n", "a/b/cpu.max": "max 100000\n"},
    ),
    "version 2, the host's path": ("0::/kubepods/pod1/c1\n", {"cpu.max": "100000 100000\n"}),
    "version 2, a path above the root": ("0::/../../c1\n", {"cpu.max": "100000 100000\n"}),
    "version 1": (
        "4:cpu,cpuacct:/\n",
        {"cpu,cpuacct/cpu.cfs_quota_us": "100000\n", "cpu,cpuacct/cpu.cfs_period_us": "100000\n"},
    ),
    "version 1, nested": (
        "3:memory:/x\n4:cpu,cpuacct:/docker/c1\n",
        {
            "cpu,cpuacct/cpu.cfs_quota_us": "-1\n",
            "cpu,cpuacct/cpu.cfs_period_us": "100000\n",
            "cpu,cpuacct/docker/c1/cpu.cfs_quota_us": "25000\n",
            "cpu,cpuacct/docker/c1/cpu.cfs_period_us": "50000\n",
        },
    ),
    "version 1, mounted as cpu": (
        "2:cpu:/\n",
        {"cpu/cpu.cfs_quota_us": "1\n", "cpu/cpu.cfs_period_us": "9\n"},
    ),
    "hybrid": (
        "0::/a\n2:cpu:/b\n",
        {"unified/a/cgroup.procs": "1\n", "cpu/b/cpu.cfs_quota_us": "9\n", "cpu/b/cpu.cfs_period_us": "9\n"},
    ),
}


@pytest.mark.parametrize(("own", "files"), LAYOUTS.values(), ids=LAYOUTS)
def test_the_smallest_quota_counts(tmp_path: Path, own: str, files: dict[str, str]) -> None:
    """Of the process's group and of those around it, in every layout."""
    found = find_cores(*tree(tmp_path, own, files))
    assert found.usable == 1
    assert UNLIMITED == 1 or "quota" in found.reason


@pytest.mark.skipif(UNLIMITED < 2, reason="needs two cores")
def test_a_quota_is_rounded_up(tmp_path: Path) -> None:
    """One and a half are two processes that take turns."""
    found = find_cores(*tree(tmp_path, "0::/\n", {"cpu.max": "150000 100000\n"}))
    assert found.usable == 2


@pytest.mark.parametrize(
    ("own", "files"),
    [
        ("", {}),
        ("0::/\n", {"cpu.max": "max 100000\n"}),
        ("0::/\n", {"cpu.max": "\n"}),
        ("0::/\n", {"cpu.max": "some 100000\n"}),
        ("0::/\n", {"cpu.max": "100000\n"}),
        ("0::/\n", {"cpu.max": "0 0\n"}),
        ("nonsense", {"cpu.cfs_quota_us": "-1\n", "cpu.cfs_period_us": "100000\n"}),
        ("1:memory:/x\n", {"memory/x/cpu.max": "1 100000\n"}),
    ],
)
def test_without_a_quota_affinity_and_cores_count(tmp_path: Path, own: str, files: dict[str, str]) -> None:
    """Files that are missing or say nothing limit nothing."""
    found = find_cores(*tree(tmp_path, own, files))
    assert found.usable == UNLIMITED
    assert "quota" not in found.reason


def test_affinity_limits(tmp_path: Path) -> None:
    """Of this process, as taskset sets it."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        assert find_cores(*tree(tmp_path, "", {})).usable == 1
        assert usable_cores() == 1
    finally:
        os.sched_setaffinity(0, before)
