"""The file of a version and a slot: whoever is killed leaves the totals before, and the next one goes on."""

import errno
import inspect
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.artifact import Artifact
from service.drift.columns import columns
from service.drift.totals import MARK_S, MARKS, WINDOW_S, Layout, Read, Totals
from service.run_directory import drift_path, drift_paths

DIGEST = "ab" * 32
KILLS = 3


@pytest.fixture
def layout(mixed: Artifact) -> Layout:
    """That of the mixed model."""
    manifest = mixed.manifest
    return Layout("tiny", "3", DIGEST, manifest.classes, tuple(columns(manifest, [0, 1, 2])))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where slot 0 writes."""
    return drift_path(tmp_path, 0, DIGEST)


class Clock:
    """What `time.monotonic` tells."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that a test sets."""
    made = Clock(5000.0)
    monkeypatch.setattr(time, "monotonic", made)
    return made


def told(path: Path) -> float:
    """Return the one number that all totals are."""
    [found] = set(Read(path).now().tolist())
    return float(found)


def test_the_next_worker_of_a_slot_goes_on(tmp_path: Path, layout: Layout, path: Path) -> None:
    """And a reader that has the file open sees it."""
    Totals(tmp_path, 0, layout).add(np.ones(layout.width))
    reader = Read(path)
    again = Totals(tmp_path, 0, layout)
    for turn in range(3):
        again.add(np.full(layout.width, 10.0))
        assert set(reader.now()) == {11 + 10 * turn}
    assert reader.layout == layout
    assert reader.window().tolist() == reader.now().tolist()
    assert drift_paths(tmp_path) == [path]


def test_the_file_is_reserved_in_full(tmp_path: Path, layout: Layout, path: Path) -> None:
    """Memory without room on the disk behind it would kill the worker."""
    Totals(tmp_path, 0, layout)
    size = 8 * (2 + 2 * layout.width + MARKS * (1 + layout.width))
    assert path.stat().st_size >= size
    assert path.stat().st_blocks * 512 >= path.stat().st_size


class Killed(BaseException):
    """The worker is no more."""


def killed_before(number: int, working: Callable[[], object]) -> bool:
    """Return whether `Totals.add` was left before its number-th line; it is not gone on with."""
    left = number

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal left
        if frame.f_code is not Totals.add.__code__:
            return None
        if event == "line":
            left -= 1
            if left < 0:
                raise Killed
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        working()
    except Killed:
        return True
    finally:
        sys.settrace(before)
    return False


@pytest.mark.parametrize("number", range(len(inspect.getsource(Totals.add).splitlines()) - 2))
def test_a_worker_killed_between_two_writes_leaves_the_totals_before(
    tmp_path: Path, layout: Layout, path: Path, clock: Clock, number: int
) -> None:
    """Or those after, when nothing was left to do; and its rows of the last hour."""
    totals = Totals(tmp_path, 0, layout)
    for _ in range(MARKS + 1):  # each is a mark, the last one in the place of the first
        clock.now += MARK_S
        totals.add(np.ones(layout.width))
    clock.now += MARK_S
    lost = killed_before(number, lambda: totals.add(np.full(layout.width, 1000.0)))
    reader = Read(path)
    had = MARKS + 1 if lost else MARKS + 1001
    assert told(path) == had
    assert reader.window()[0] == (60 if lost else 1060)
    Totals(tmp_path, 0, layout).add(np.full(layout.width, 5.0))
    assert set(reader.now()) == {had + 5}
    clock.now += WINDOW_S
    assert reader.window()[0] == (5 if lost else 1005)


def test_lines_are_counted_as_far_as_they_go(tmp_path: Path, layout: Layout, clock: Clock) -> None:
    """All writes are among those that the test above stops at."""
    totals = Totals(tmp_path, 0, layout)
    lines = len(inspect.getsource(Totals.add).splitlines()) - 2
    clock.now += MARK_S
    assert [killed_before(line, lambda: totals.add(np.ones(layout.width))) for line in (0, lines)] == [
        True,
        False,
    ]


WRITE = """
import sys
from pathlib import Path

import msgspec
import numpy as np

from service.drift.totals import Layout, Totals

layout = msgspec.json.decode(sys.argv[2], type=Layout)
totals = Totals(Path(sys.argv[1]), 0, layout)
print(flush=True)
while True:
    totals.add(np.ones(layout.width))
"""


def test_whoever_reads_while_a_worker_writes_and_is_killed_sees_whole_totals(
    tmp_path: Path, layout: Layout, path: Path
) -> None:
    """All totals are equal at any moment, and never fall, from worker to worker."""
    import msgspec  # noqa: PLC0415

    before = 0.0
    for _ in range(KILLS):
        command = [sys.executable, "-c", WRITE, str(tmp_path), msgspec.json.encode(layout).decode()]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as worker:
            assert worker.stdout is not None
            worker.stdout.readline()
            try:
                reader, until = Read(path), time.monotonic() + 0.2
                while time.monotonic() < until:
                    [now] = set(reader.now().tolist())
                    assert now >= before
                    before = now
            finally:
                worker.kill()
        assert told(path) >= before > 0
        before = told(path)


@given(
    every=st.sampled_from([1, 50]),
    gaps=st.lists(st.floats(0, 100) | st.just(60.0) | st.sampled_from([1.0, 3000.0, 3600.0]), max_size=150),
)
def test_a_window_is_the_last_hour_to_a_minute(
    tmp_path_factory: pytest.TempPathFactory, mixed: Artifact, every: int, gaps: list[float]
) -> None:
    """Rows of the last 59 minutes are in it, those before the last 60 are not, whoever wrote them."""
    layout = Layout("tiny", "3", DIGEST, mixed.manifest.classes, ())
    folder = tmp_path_factory.mktemp("window")
    with pytest.MonkeyPatch.context() as patch:
        clock = Clock(5000.0)
        patch.setattr(time, "monotonic", clock)
        totals, times = Totals(folder, 0, layout), []
        reader = Read(drift_path(folder, 0, DIGEST))
        for turn, gap in enumerate(gaps):
            clock.now += gap
            if turn % every == 0:
                totals = Totals(folder, 0, layout)
            totals.add(np.ones(layout.width))
            times.append(clock.now)
            assert _since(times, WINDOW_S - MARK_S) <= reader.window()[0] <= _since(times, WINDOW_S)
        clock.now += WINDOW_S + 1
        assert not reader.window().any()


def test_workers_that_do_not_live_long_shorten_no_window(
    tmp_path: Path, layout: Layout, path: Path, clock: Clock
) -> None:
    """One of them goes on with the marks of the last."""
    for _ in range(720):
        Totals(tmp_path, 0, layout).add(np.ones(layout.width))
        clock.now += 10
    assert 354 <= Read(path).window()[0] <= 360


def _since(times: list[float], ago: float) -> int:
    return sum(each >= time.monotonic() - ago for each in times)


def test_a_torn_file_or_another_one_is_no_totals(tmp_path: Path, layout: Layout, path: Path) -> None:
    """Wherever it ends."""
    Totals(tmp_path, 0, layout)
    whole = path.read_bytes()
    line = whole.index(b"\n") + 1
    for torn in (0, 1, line - 1, line, line + 1, 4096, 8192, 8192 + 8, len(whole) - 8, len(whole) - 1):
        path.write_bytes(whole[:torn])
        with pytest.raises(ValueError):  # noqa: PT011 - which it is, the reader logs
            Read(path)
    for other in (b"\n", b"{}\n", b"[1]\n" + bytes(5000), b"\xff" * 9000, whole + bytes(8), b"{" + whole):
        path.write_bytes(other)
        with pytest.raises(ValueError):  # noqa: PT011
            Read(path)
    with pytest.raises(FileNotFoundError):
        Read(tmp_path / "none")


def test_a_draft_that_was_left_is_written_over(tmp_path: Path, layout: Layout, path: Path) -> None:
    """By who is killed before the file has its name; nobody reads it."""
    draft = path.with_name(f"{path.name}.draft")
    draft.write_bytes(b"x" * 100_000)
    assert drift_paths(tmp_path) == []
    Totals(tmp_path, 0, layout).add(np.ones(layout.width))
    assert told(path) == 1
    assert not draft.exists()


def test_a_draft_that_the_disk_has_no_room_for_leaves_its_room(
    tmp_path: Path, layout: Layout, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To whoever writes there too."""
    write = Path.write_bytes

    def refuse(self: Path, raw: bytes) -> int:
        write(self, raw[:100])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(OSError, match="No space left"):
        Totals(tmp_path, 0, layout)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.undo()
    Totals(tmp_path, 0, layout)
    assert list(tmp_path.iterdir()) == [path]
