"""Who gets in: by number and by time."""

from types import SimpleNamespace
from typing import Any

import pytest

from service.errors import DeadlineError, OverloadedError
from service.gate.admission import HEADROOM, Admission
from service.plane.places import Places
from tests.service.plane.workbench import make_queue, take
from tests.service.virtual_time import VirtualLoop

QUEUE = make_queue()


class Door:
    """A batcher and accounts as the admission sees them."""

    def __init__(self, most: int) -> None:
        self.places = Places(most)
        self.admission = Admission(self.places, self.expected_wait_s, self)  # type: ignore[arg-type]
        self.wait_s = 0.0
        self.refused: list[str] = []

    def expected_wait_s(self) -> float:
        return self.wait_s

    def rejected(self, reason: str) -> None:
        self.refused.append(reason)


class Taken(SimpleNamespace):
    """A request that has a place."""

    __hash__ = object.__hash__

    def __init__(self, queue: Any) -> None:
        super().__init__(queue=queue)


def test_no_more_are_taken_than_may_be_pending(loop: VirtualLoop) -> None:
    """The next is told at once to come again later, and counted."""
    door, queue = Door(2), make_queue()
    take(door.places, Taken(queue))
    door.admission.check(loop.now + 1, queue)
    take(door.places, Taken(queue))
    with pytest.raises(OverloadedError) as caught:
        door.admission.check(loop.now + 1, queue)
    assert caught.value.retry_after_s == 1
    assert door.refused == ["overloaded"]


def test_a_model_that_everybody_asks_leaves_the_others_their_places(loop: VirtualLoop) -> None:
    """Each has some that nobody else gets."""
    door, greedy, modest = Door(8), make_queue(), make_queue()
    door.places.reserve([greedy, modest], [])
    for _ in range(7):
        door.admission.check(loop.now + 1, greedy)
        take(door.places, Taken(greedy))
    with pytest.raises(OverloadedError):
        door.admission.check(loop.now + 1, greedy)
    door.admission.check(loop.now + 1, modest)


def test_what_could_not_be_served_in_time_is_not_taken(loop: VirtualLoop) -> None:
    """By the pace last seen, with room for its error; who has more time is taken."""
    door = Door(100)
    door.wait_s = 2.5
    door.admission.check(loop.now + HEADROOM * 2.5, QUEUE)
    with pytest.raises(OverloadedError) as caught:
        door.admission.check(loop.now + HEADROOM * 2.5 - 0.01, QUEUE)
    assert caught.value.retry_after_s == 3


def test_what_arrives_too_late_is_no_overload(loop: VirtualLoop) -> None:
    """Its sender was slow, and nobody else is."""
    door = Door(100)
    with pytest.raises(DeadlineError):
        door.admission.check(loop.now - 0.001, QUEUE)
    assert not door.refused
