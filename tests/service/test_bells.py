"""Bells: who rings goes on when all have acted, or after its time."""

import asyncio
import contextlib
from collections.abc import Iterator

import pytest

from service.bells import Bells

LONG_S, SHORT_S = 20.0, 0.05


@pytest.fixture
def bells() -> Iterator[Bells]:
    """Three processes', all played by this one."""
    with contextlib.closing(Bells(3)) as made:
        yield made


def test_all_others_have_acted_when_a_ring_returns(bells: Bells) -> None:
    """Each once a ring, and who rings does not."""
    acted: list[int] = []

    async def play() -> None:
        for slot in range(3):
            bells.answer(slot, lambda slot=slot: acted.append(slot))  # type: ignore[misc]
        await bells.ring(0, LONG_S)
        assert sorted(acted) == [1, 2]
        await bells.ring(2, LONG_S)
        assert sorted(acted) == [0, 1, 1, 2]
        for slot in range(3):
            bells.ignore(slot)

    asyncio.run(play())


def test_a_ring_is_heard_by_acting_after_it(bells: Bells) -> None:
    """What was done for an earlier ring does not count: two at once wait for one act after the later."""
    acted: list[int] = []

    async def play() -> None:
        bells.answer(1, lambda: acted.append(1))
        bells.answer(2, lambda: acted.append(2))
        first = asyncio.create_task(bells.ring(0, LONG_S))
        second = asyncio.create_task(bells.ring(0, LONG_S))
        await asyncio.gather(first, second)
        assert {1, 2} == set(acted)
        before = len(acted)
        await bells.ring(0, LONG_S)
        assert len(acted) == before + 2
        bells.ignore(1)
        bells.ignore(2)

    asyncio.run(play())


def test_who_stands_still_is_not_waited_for(bells: Bells) -> None:
    """However often it was rung for; it acts when it goes on, once for all of them."""
    acted: list[int] = []

    async def play() -> None:
        bells.answer(1, lambda: acted.append(1))
        for _ in range(300):  # more than a socket holds
            await bells.ring(0, 0.0)
        await bells.ring(0, SHORT_S)
        assert set(acted) == {1}
        late = asyncio.Event()
        bells.answer(2, late.set)
        await late.wait()
        bells.ignore(1)
        bells.ignore(2)

    asyncio.run(play())


def test_a_successor_rings_on(bells: Bells) -> None:
    """Its first ring is not taken as heard because its predecessor's were."""
    acted: list[int] = []

    async def play(ringer: Bells) -> None:
        ringer.answer(0, lambda: None)
        ringer.answer(1, lambda: acted.append(1))
        ringer.answer(2, lambda: None)
        await ringer.ring(0, LONG_S)
        for slot in range(3):
            ringer.ignore(slot)

    asyncio.run(play(bells))
    bells._rung = 0  # as a fork of main has it
    asyncio.run(play(bells))
    assert acted == [1, 1]
