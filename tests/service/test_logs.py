"""Log lines: one line each, whatever is in them."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from service import logs
from service.logs import JsonFormatter, TextFormatter, log_request, traceparent

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


def test_only_a_real_trace_context_is_taken() -> None:
    """Anything else in the header is not repeated in the log."""
    assert traceparent({b"traceparent": TRACE.encode()}) == TRACE
    for wrong in (b"", b"anything", TRACE.upper().encode(), TRACE.encode() + b"\n"):
        assert traceparent({b"traceparent": wrong}) is None
