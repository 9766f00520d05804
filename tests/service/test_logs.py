"""Log lines: one line each, whatever is in them."""

import io
import json
import logging
import multiprocessing
import os
import pty
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from service import logs
from service.logs import JsonFormatter, TextFormatter, log_request, traceparent
from service.patient import PatientHandler

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def written(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    """What the access log writes in the form of the test's parameter."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(request.param())
    logs.access.addHandler(handler)
    logs.access.setLevel(logging.INFO)
    yield stream
    logs.access.removeHandler(handler)
    logs.access.setLevel(logging.NOTSET)


@pytest.mark.parametrize("written", [JsonFormatter], indirect=True)
def test_a_failed_request_is_one_json_object_with_the_fields_to_grep(written: io.StringIO) -> None:
    """Fields without a value are left out."""
    log_request(422, 0.0123456, 1, request_id="a-1", route="/predict", code="invalid", traceparent=None)
    line = json.loads(written.getvalue())
    assert {"time", "pid"} < line.keys()
    assert {key: line[key] for key in line.keys() - {"time", "pid"}} == {
        "level": "info",
        "logger": "logitserve.access",
        "message": "request",
        "request_id": "a-1",
        "route": "/predict",
        "status": 422,
        "code": "invalid",
        "duration_ms": 12.346,
    }


@pytest.mark.parametrize("written", [JsonFormatter], indirect=True)
def test_only_what_failed_or_was_slow_is_logged_above_debug(written: io.StringIO) -> None:
    """A quick success has a line at debug alone; the service's own failures are warnings."""
    log_request(200, 0.5, 1)
    log_request(503, 0.5, 1, code="overloaded")
    log_request(503, 0.5, 1, code="not_ready")
    assert not written.getvalue()
    log_request(200, 1.5, 1)
    log_request(504, 0.5, 1)
    assert [json.loads(line)["level"] for line in written.getvalue().splitlines()] == ["info", "warning"]
    logs.access.setLevel(logging.DEBUG)
    log_request(200, 0.5, 1)
    assert json.loads(written.getvalue().splitlines()[-1])["level"] == "debug"


@pytest.mark.parametrize("written", [JsonFormatter, TextFormatter], indirect=True)
def test_a_line_cannot_be_forged(written: io.StringIO) -> None:
    """Line breaks, terminal escapes and separators in a value are escaped."""
    log_request(404, 0, 1, route="/a\r\nb\x1b[2J\u2028c\0")
    assert len(written.getvalue().splitlines()) == 1
    assert written.getvalue().rstrip("\n").isprintable()
    assert "\\u001b" in written.getvalue()


@pytest.mark.parametrize("written", [TextFormatter], indirect=True)
def test_text_has_the_fields_after_the_message_and_a_traceback_below(written: io.StringIO) -> None:
    """What is added reads as key=value."""
    log_request(404, 0.001, 1, route="/nope")
    assert written.getvalue().endswith("INFO    request status=404 duration_ms=1.0 route=/nope\n")
    logs.access.error("failed", exc_info=ValueError("a bug"), extra={"request_id": "a-1"})
    assert "failed request_id=a-1\nValueError: a bug" in written.getvalue()


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


def test_only_a_real_trace_context_is_taken() -> None:
    """Anything else in the header is not repeated in the log."""
    assert traceparent({b"traceparent": TRACE.encode()}) == TRACE
    for wrong in (b"", b"anything", TRACE.upper().encode(), TRACE.encode() + b"\n"):
        assert traceparent({b"traceparent": wrong}) is None
