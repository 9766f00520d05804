"""What main and an HTTP process tell each other, over a real channel."""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from service.library import control as module
from service.library.control import MOST_BYTES, Control, channel, receive, send


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Main's end, and the process's."""
    made = channel()
    with contextlib.closing(made[0]), contextlib.closing(made[1]):
        yield made


Ends = tuple[socket.socket, socket.socket]


def play(end: socket.socket, act: Callable[[Control], Awaitable[None]], known: int = 1) -> list[int]:
    """Do what a test does with a process's end; return the tables that it was told to prepare."""
    prepared: list[int] = []

    async def run() -> None:
        control = Control(end, prepared.append, known)
        try:
            await act(control)
        finally:
            control.close()

    asyncio.run(run())
    return prepared


async def hear(main: socket.socket) -> list[dict[str, Any]]:
    """Return what main is told, once there is something."""
    found: list[dict[str, Any]] = []
    while not found:
        await asyncio.sleep(0)
        found = list(receive(main))
    return found


def test_messages_are_whole_and_in_order(ends: Ends) -> None:
    """However many come together; what is not there is not waited for."""
    for number in range(3):
        send(ends[0], {"prepare": number})
    assert list(receive(ends[1])) == [{"prepare": number} for number in range(3)]
    assert list(receive(ends[1])) == []


def test_nobody_waits_for_who_does_not_read(ends: Ends) -> None:
    """What does not fit is dropped, whole."""
    large = "x" * (MOST_BYTES // 2)
    for number in range(1000):
        send(ends[0], {"answer": number, "error": large})
    found = [message["answer"] for message in receive(ends[1])]
    assert 0 < len(found) < 1000
    assert found == [*range(len(found))]


def test_a_process_says_by_which_table_it_begins(ends: Ends) -> None:
    """Its predecessor's word is none of its own."""

    async def act(_: Control) -> None:
        assert await hear(ends[0]) == [{"known": 7}]

    play(ends[1], act, known=7)


def test_a_table_is_known_when_it_is_prepared(ends: Ends) -> None:
    """Each that main announces, in order."""

    async def act(_: Control) -> None:
        await hear(ends[0])
        for number in (2, 3):
            send(ends[0], {"prepare": number})
        told = await hear(ends[0])
        while len(told) < 2:
            told += await hear(ends[0])
        assert told == [{"known": 2}, {"known": 3}]

    assert play(ends[1], act) == [2, 3]


@pytest.mark.parametrize("error", [None, "no version 7"])
def test_a_wish_is_answered(ends: Ends, error: str | None) -> None:
    """With why it was not granted, or nothing; several may wait at once, whose answers come in any order."""

    async def act(control: Control) -> None:
        await hear(ends[0])
        wishes: list[dict[str, Any]] = [{"load": "a", "versions": [7]}, {"unload": "b"}]
        first, second = (asyncio.create_task(control.ask(wish)) for wish in wishes)
        told = await hear(ends[0])
        while len(told) < 2:
            told += await hear(ends[0])
        assert [{name: each[name] for name in each if name != "ask"} for each in told] == wishes
        send(ends[0], {"answer": told[1]["ask"], "error": error})
        assert await second == error
        assert not first.done()
        send(ends[0], {"answer": told[0]["ask"], "error": None})
        assert await first is None

    play(ends[1], act)


def test_a_wish_is_not_waited_for_without_end(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer that comes after all is nobody's, and the next wish gets its own."""
    monkeypatch.setattr(module, "ANSWER_S", 0.01)

    async def act(control: Control) -> None:
        await hear(ends[0])
        with pytest.raises(TimeoutError):
            await control.ask({"unload": "a"})
        [late] = await hear(ends[0])
        send(ends[0], {"answer": late["ask"], "error": "late"})
        monkeypatch.setattr(module, "ANSWER_S", 20)
        wish = asyncio.create_task(control.ask({"unload": "b"}))
        [told] = await hear(ends[0])
        send(ends[0], {"answer": told["ask"], "error": None})
        assert await wish is None

    play(ends[1], act)


def test_a_successor_hears_what_its_predecessor_did_not(ends: Ends) -> None:
    """The channel outlives a process; an answer to the dead one is dropped."""
    send(ends[0], {"answer": "of another", "error": None})
    send(ends[0], {"prepare": 4})

    async def act(_: Control) -> None:
        told = await hear(ends[0])
        while len(told) < 2:
            told += await hear(ends[0])
        assert told == [{"known": 1}, {"known": 4}]

    assert play(ends[1], act) == [4]
