"""Who gets in: by number and by time."""

import pytest

from service.errors import DeadlineError, OverloadedError
from service.gate.admission import HEADROOM, Admission
from tests.service.virtual_time import VirtualLoop


class Queue:
    """A batcher and accounts as the admission sees them."""

    def __init__(self) -> None:
        self.waiting: list[int] = []
        self.wait_s = 0.0
        self.refused: list[str] = []

    def expected_wait_s(self) -> float:
        return self.wait_s

    def rejected(self, reason: str) -> None:
        self.refused.append(reason)


def test_no_more_are_taken_than_may_be_pending(loop: VirtualLoop) -> None:
    """The next is told at once to come again later, and counted."""
    queue = Queue()
    admission = Admission(queue.waiting, 2, queue.expected_wait_s, queue)  # type: ignore[arg-type]
    queue.waiting.append(1)
    admission.check(loop.now + 1)
    queue.waiting.append(2)
    with pytest.raises(OverloadedError) as caught:
        admission.check(loop.now + 1)
    assert caught.value.retry_after_s == 1
    assert queue.refused == ["overloaded"]


def test_what_could_not_be_served_in_time_is_not_taken(loop: VirtualLoop) -> None:
    """By the pace last seen, with room for its error; who has more time is taken."""
    queue = Queue()
    admission = Admission(queue.waiting, 100, queue.expected_wait_s, queue)  # type: ignore[arg-type]
    queue.wait_s = 2.5
    admission.check(loop.now + HEADROOM * 2.5)
    with pytest.raises(OverloadedError) as caught:
        admission.check(loop.now + HEADROOM * 2.5 - 0.01)
    assert caught.value.retry_after_s == 3


def test_what_arrives_too_late_is_no_overload(loop: VirtualLoop) -> None:
    """Its sender was slow, and nobody else is."""
    queue = Queue()
    admission = Admission(queue.waiting, 100, queue.expected_wait_s, queue)  # type: ignore[arg-type]
    with pytest.raises(DeadlineError):
        admission.check(loop.now - 0.001)
    assert not queue.refused
