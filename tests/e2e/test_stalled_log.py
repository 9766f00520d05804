"""A reader of the log that stalls stops nothing."""

import fcntl
import json
import os
import pty
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.running import Service, wait_for

PIPE_BYTES = 4096
LINES = 500


@pytest.fixture
def terminal() -> Iterator[Path]:
    """A terminal that is frozen: nobody reads what it is to show."""
    shown, ours = pty.openpty()
    yield Path(os.ttyname(ours))
    os.close(ours)
    os.close(shown)


@pytest.fixture
def pipe(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    """A pipe of the least size that there is, and the end that reads it, which nobody does."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    yield path, reader
    os.close(reader)


def start_on(pipe: Path, store: Path, **settings: object) -> Service:
    """Start a service whose standard output and error are `pipe`."""
    service = Service(store, pipe, {"log_level": "debug", "api_servers": 1} | settings, None)
    service.wait_ready()
    return service


@pytest.mark.parametrize("stream", ["stderr", "stdout"])
def test_a_full_pipe_stops_neither_the_service_nor_its_drain(
    pipe: tuple[Path, int], store: Path, stream: str
) -> None:
    """Lines that nobody takes are dropped and counted; SIGTERM ends the service as always."""
    service = start_on(pipe[0], store, log_stream=stream)
    try:
        for _ in range(LINES):
            assert service.predict([1.0]).status_code == 422
        assert service.predict([1.0] * 30).status_code == 200
        assert service.metric("log_dropped_total") > LINES / 2
        assert service.stop() == 0
    finally:
        service.close()


@pytest.mark.parametrize("stream", ["stderr", "stdout"])
def test_a_frozen_terminal_stops_neither_the_service_nor_its_drain(
    terminal: Path, store: Path, stream: str
) -> None:
    """It polls writable while it has room for less than a line."""
    service = start_on(terminal, store, log_stream=stream)
    try:
        for _ in range(LINES):
            assert service.predict([1.0]).status_code == 422
        assert service.metric("log_dropped_total") > 0
        assert service.stop() == 0
    finally:
        service.close()


def test_a_reader_that_goes_on_is_told_how_much_it_missed(pipe: tuple[Path, int], store: Path) -> None:
    """Whole lines only, and one that says how many were dropped."""
    service = start_on(pipe[0], store)
    read = b""

    def told() -> bool:
        nonlocal read
        service.predict([1.0])
        while True:
            try:
                read += os.read(pipe[1], 65536)
            except BlockingIOError:
                return b'"dropped ' in read and read.endswith(b"\n")

    try:
        for _ in range(LINES):
            assert service.predict([1.0]).status_code == 422
        wait_for(told)
    finally:
        service.close()
    messages = [json.loads(line)["message"] for line in read[: read.rindex(b"\n")].splitlines()]
    assert any(message.startswith("dropped ") for message in messages)


def test_a_closed_stream_stops_nothing(start: Callable[..., Service]) -> None:
    """With standard error closed before the start, it serves and ends as always."""
    service = start(prefix=("sh", "-c", 'exec "$@" 2>&-', "sh"))
    assert service.predict([1.0]).status_code == 422
    assert service.predict([1.0] * 30).status_code == 200
    assert service.stop() == 0


def test_lines_go_where_and_as_a_collector_wants_them(start: Callable[..., Service], tmp_path: Path) -> None:
    """On standard output, with the level as `severity` in capitals."""
    out = tmp_path / "out"
    prefix = ("sh", "-c", f'exec "$@" >{out}', "sh")
    service = start(log_stream="stdout", log_severity=True, prefix=prefix)
    assert service.predict([1.0]).status_code == 422
    lines = wait_for(lambda: [json.loads(line) for line in out.read_text().splitlines()])
    assert lines[0]["severity"] == "INFO"
    assert "usable cores" in lines[0]["message"]
    assert "level" not in lines[0]
    assert service.log() == ""
