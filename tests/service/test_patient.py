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

from service.logs import TextFormatter
from service.patient import PatientHandler


def flood(descriptor: int) -> int:
    """Write 100 long lines; return how many were dropped."""
    dropped: list[int] = []
    handler = PatientHandler(descriptor, dropped.append)
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
