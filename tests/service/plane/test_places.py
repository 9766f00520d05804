"""Places: whose own some are, and that no more are taken than there are."""

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.plane.places import OWN_SHARE, Places
from service.plane.queue import Queue
from tests.service.plane.workbench import leave, make_queue, take

MOST = 32


def job(queue: Queue) -> Any:
    """Return what has a place."""
    return _Job(queue=queue)


class _Job(SimpleNamespace):
    """A namespace that can be a key."""

    __hash__ = object.__hash__


def fill(places: Places, queue: Queue) -> int:
    """Take places while there are any; return how many."""
    taken = 0
    while places.free(queue):
        take(places, job(queue))
        taken += 1
    return taken


def test_one_model_has_them_all() -> None:
    """Nothing is kept for nobody."""
    places, queue = Places(MOST), make_queue()
    places.reserve([queue], [])
    assert queue.reserved == 0
    assert fill(places, queue) == len(places.jobs) == MOST


@pytest.mark.parametrize(("models", "own"), [(2, MOST // OWN_SHARE), (8, 4), (16, 2), (100, 0)])
def test_of_several_models_each_has_some_of_its_own(models: int, own: int) -> None:
    """An eighth, or less where there are more models; the one that has everything else leaves them that."""
    places = Places(MOST)
    greedy, *others = queues = [make_queue() for _ in range(models)]
    places.reserve(queues, [])
    assert fill(places, greedy) == MOST - own * (models - 1)
    assert [fill(places, queue) for queue in others] == [own] * (models - 1)
    assert len(places.jobs) == MOST


def test_a_version_that_is_not_current_has_none_of_its_own() -> None:
    """It takes what is free."""
    places, current, former = Places(MOST), [make_queue(), make_queue()], make_queue()
    places.reserve([*current, former], [])
    places.reserve(current, [former])
    assert former.reserved == 0
    assert fill(places, current[0]) == MOST - MOST // OWN_SHARE
    assert not places.free(former)


def test_a_place_is_given_back_once() -> None:
    """A request may be forgotten by more than one."""
    places, queue = Places(1), make_queue()
    one = job(queue)
    take(places, one)
    assert not places.free(queue)
    leave(places, one)
    leave(places, one)
    assert len(places.jobs) == 0
    assert fill(places, queue) == 1


def test_who_has_more_than_is_now_left_takes_no_more() -> None:
    """A second model appears while the first one has every place: its own are over the limit, once."""
    places, first, second = Places(MOST), make_queue(), make_queue()
    places.reserve([first], [])
    fill(places, first)
    places.reserve([first, second], [])
    assert fill(places, second) == MOST // OWN_SHARE
    for each in [each for each in places.jobs if each.queue is first][: MOST // OWN_SHARE]:
        leave(places, each)
    assert not places.free(first)


STEPS = st.one_of(
    st.tuples(st.just("take"), st.integers(0, 4)),
    st.tuples(st.just("leave"), st.integers(0, 40)),
    st.tuples(st.just("reserve"), st.sets(st.integers(0, 4))),
)


@given(st.lists(STEPS, max_size=120))
def test_places_are_as_a_recount_says(steps: Iterable[tuple[str, Any]]) -> None:
    """Each version may have its own and what nobody has or owns, in whatever order things happen."""
    places, queues = Places(MOST), [make_queue() for _ in range(5)]
    for name, given_ in steps:
        if name == "take" and places.free(queues[given_]):
            take(places, job(queues[given_]))
        elif name == "leave" and places.jobs:
            leave(places, list(places.jobs)[given_ % len(places.jobs)])
        elif name == "reserve":
            current = [queues[index] for index in given_]
            places.reserve(current, [queue for queue in queues if queue not in current])
            own = MOST // OWN_SHARE if len(current) > 1 else 0
            assert [queue.reserved for queue in queues] == [own * (queue in current) for queue in queues]
        pending = {queue: sum(each.queue is queue for each in places.jobs) for queue in queues}
        held = sum(max(pending[queue], queue.reserved) for queue in queues)
        for queue in queues:
            assert places.free(queue) is (held < MOST or pending[queue] < queue.reserved)
