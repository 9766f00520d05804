"""Lines to a descriptor: taken at once, or dropped and counted."""

import logging
import multiprocessing
import os
import pty
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from service.dropping import DroppingHandler
from service.logs import TextFormatter


def flood(descriptor: int) -> int:
    """Write 100 long lines; return how many were dropped."""
    dropped: list[int] = []
    handler = DroppingHandler(descriptor, dropped.append)
    handler.setFormatter(TextFormatter())
    for _ in range(100):
        handler.handle(logging.makeLogRecord({"msg": "x" * 3000, "levelname": "INFO"}))
    handler.close()
    return len(dropped)


@pytest.mark.parametrize(
    "opened", [os.pipe, pty.openpty, socket.socketpair], ids=["pipe", "terminal", "socket"]
)
def test_processes_that_share_a_stalled_reader_all_go_on(opened: Callable[[], tuple[Any, Any]]) -> None:
    """Whoever else writes in the same moment; and the descriptor, which is everyone's, stays blocking."""
    ends = opened()
    shared = ends[1] if isinstance(ends[1], int) else ends[1].fileno()
    writers = [multiprocessing.get_context("fork").Process(target=flood, args=(shared,)) for _ in range(8)]
    for each in writers:
        each.start()
    for each in writers:
        each.join(30)
    stuck = [each for each in writers if each.is_alive()]
    for each in stuck:
        each.kill()
    assert not stuck
    assert flood(shared) == 100
    assert os.get_blocking(shared)
    for end in ends:
        os.close(end) if isinstance(end, int) else end.close()


def test_a_file_is_written_from_where_it_is(tmp_path: Path) -> None:
    """Opened anew it would be overwritten from its beginning; and nothing is dropped."""
    with (tmp_path / "log").open("w") as file:
        file.write("before\n")
        file.flush()
        assert flood(file.fileno()) == 0
    lines = (tmp_path / "log").read_text().splitlines()
    assert lines[0] == "before"
    assert len(lines) == 101


def test_what_cannot_be_opened_anew_is_looked_at_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another user's pipe, as a container may get it."""

    def refused(*_: object) -> int:
        raise PermissionError

    reader, shared = os.pipe()
    with monkeypatch.context() as patched:
        patched.setattr(os, "open", refused)
        dropped = flood(shared)
    taken = os.read(reader, 1 << 20)
    assert dropped > 0
    assert len(taken) > 0
    os.close(reader)
    os.close(shared)


def test_who_reads_again_gets_whole_lines_and_is_told_how_many_are_missing() -> None:
    """A line that was begun is ended first, and what is missing is said where it is missing."""
    reader, shared = os.pipe()
    dropped: list[int] = []
    handler = DroppingHandler(shared, dropped.append)
    handler.setFormatter(logging.Formatter("%(message)s"))

    def say(text: str) -> None:
        handler.handle(logging.makeLogRecord({"msg": text}))

    while not dropped:
        say("x" * 10_000)
    say("lost too")
    taken = os.read(reader, 1 << 20)
    say("after")
    handler.close()
    os.close(shared)
    with os.fdopen(reader, "rb") as stream:
        lines = (taken + stream.read()).splitlines()
    assert len(dropped) == 2
    assert set(lines[:-2]) == {b"x" * 10_000}
    assert lines[-2:] == [b"dropped 2 log lines that nobody took", b"after"]


def test_a_reader_that_is_gone_stops_nobody() -> None:
    """Its lines are dropped and counted, as are those to what was closed before the start."""
    reader, shared = os.pipe()
    os.close(reader)
    assert flood(shared) == 100
    os.close(shared)
    assert flood(shared) == 100
