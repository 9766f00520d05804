"""The accounts: whose id a request has, under which labels it counts, and which has a log line."""

import logging
from types import SimpleNamespace
from typing import Any

import pytest

from service.gate.accounting import UNMATCHED, Accounting
from service.settings import Settings
from tests.service.virtual_time import VirtualLoop

TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Book:
    """What is counted."""

    def __init__(self) -> None:
        self.answers: list[tuple[str, str, int, float]] = []

    def answered(self, *answer: Any) -> None:
        self.answers.append(answer)


def asked(started: float, **fields: Any) -> Any:
    """Return what is known of a request."""
    known = {"method": "POST", "template": "/predict", "request_id": "a-1", "headers": {}, "rows": 3}
    return SimpleNamespace(started=started, **known | fields)


def test_an_id_that_a_request_brings_is_its_own() -> None:
    """But for what could forge a header or a line: then it gets one that no other has."""
    accounting = Accounting(Settings(), Book())  # type: ignore[arg-type]
    for sane in (b"a", b"5f0c2d9a41b7-1", b"A.b_c:d/e+f=g@h-i", b"x" * 128):
        assert accounting.request_id({b"x-request-id": sane}) == sane.decode()
    strange = [b"", b"x" * 129, b"a b", b"a\r\nb", b"\xff", b'"', b"a\n"]
    made = [accounting.request_id({b"x-request-id": each}) for each in strange]
    made += [accounting.request_id({}) for _ in range(20)]
    made.append(Accounting(Settings(), Book()).request_id({}))  # type: ignore[arg-type] # of another process
    assert len(set(made)) == len(made)
    assert not {each.encode() for each in made} & set(strange)
    assert all(accounting.request_id({b"x-request-id": each.encode()}) == each for each in made)


def test_each_answer_counts_under_its_route_with_the_time_that_it_took(loop: VirtualLoop) -> None:
    """Of what no route takes the method is not told: whoever asks could make labels without end."""
    book = Book()
    accounting = Accounting(Settings(), book)  # type: ignore[arg-type]
    accounting.answered(asked(loop.now - 0.25), 200, None)
    accounting.answered(asked(loop.now, template=UNMATCHED, method="BREW"), 404, "not_found")
    assert book.answers == [("/predict", "POST", 200, 0.25), (UNMATCHED, "other", 404, 0.0)]


def test_what_failed_or_was_slow_has_a_line(loop: VirtualLoop, caplog: pytest.LogCaptureFixture) -> None:
    """With what an operator greps for; a quick success has none."""
    caplog.set_level(logging.INFO, "logitserve.access")
    accounting = Accounting(Settings(slow_request_s=1), Book())  # type: ignore[arg-type]
    accounting.answered(asked(loop.now - 1), 200, None)
    assert caplog.records == []
    accounting.answered(asked(loop.now - 1.5), 200, None)
    accounting.answered(asked(loop.now, headers={b"traceparent": TRACE}), 422, "invalid")
    slow, failed = (vars(line) for line in caplog.records)
    assert (slow["status"], slow["duration_ms"], "code" in slow) == (200, 1500.0, False)
    wanted = {
        "status": 422,
        "request_id": "a-1",
        "method": "POST",
        "route": "/predict",
        "rows": 3,
        "code": "invalid",
        "traceparent": TRACE.decode(),
    }
    assert {name: failed[name] for name in wanted} == wanted
