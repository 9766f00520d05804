"""A call is answered once, whatever goes wrong with its answer."""

import json
import logging

import pytest

from service.errors import DeadlineError, InvalidError
from service.plane.call import JSON, Call, Content
from service.wire.results import Results
from tests.service.calls import KeptCall

NO_RESULTS = Results(b"", 0, 2, 0)
BYTES = Content(b"application/octet-stream", json_bytes=2)


def test_the_codec_makes_the_answer_of_the_results() -> None:
    """It is told where the call's rows begin, and says what the body is."""
    call = KeptCall(b"")
    told: list[tuple[Call, Results, int]] = []
    call.content = BYTES
    call.encode = lambda *given: told.append(given) or b"answer"  # type: ignore[func-returns-value]
    call.succeed(NO_RESULTS, 5)
    assert told == [(call, NO_RESULTS, 5)]
    assert call.answered == (200, BYTES, b"answer", None)
    assert not call.live


def test_an_answer_that_cannot_be_is_the_calls_failure() -> None:
    """What the codec refuses keeps its status, and is JSON whatever the answer would have been."""
    call = KeptCall(b"")
    call.content = BYTES
    refusal = InvalidError("row 0: too large")

    def refuse(*_: object) -> bytes:
        raise refusal

    call.encode = refuse
    call.succeed(NO_RESULTS, 0)
    assert call.answered is not None
    status, content, body, error = call.answered
    assert (status, content, error) == (422, JSON, refusal)
    assert json.loads(body) == {"error": "row 0: too large", "code": "invalid", "request_id": "made"}


def test_a_bug_in_a_codec_is_the_calls_failure_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The batch's others must not be lost with it, and the client learns nothing of the bug."""
    call = KeptCall(b"")

    def fail(*_: object) -> bytes:
        raise ZeroDivisionError("secret")

    call.encode = fail
    call.succeed(NO_RESULTS, 0)
    assert call.answered is not None
    assert call.answered[0] == 500
    assert b"secret" not in call.answered[2]
    [record] = caplog.records
    assert (record.levelno, record.exc_info is not None) == (logging.ERROR, True)
    assert vars(record)["request_id"] == "made"


def test_the_first_answer_is_the_only_one() -> None:
    """A worker's results may come after the deadline, and the deadline after the client has left."""
    late, gone = KeptCall(b""), KeptCall(b"")
    for call in (late, gone):
        call.encode = lambda *_: b"answer"
    late.fail(DeadlineError("the deadline passed"))
    gone.live = False
    for call in (late, gone):
        call.succeed(NO_RESULTS, 0)  # KeptCall takes no second answer
        call.fail(InvalidError("wrong"))
    assert late.answered is not None
    assert late.answered[0] == 504
    assert gone.answered is None
