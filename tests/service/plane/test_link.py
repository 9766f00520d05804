"""The link: greeting, partial frames, a death with a batch, a worker that is stuck; over a fake transport."""

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from service.plane import link
from service.plane.batch import Batch
from service.plane.link import Link
from service.wire import frames
from service.wire.frames import Status
from tests.service.plane.workbench import make_queue
from tests.service.virtual_time import VirtualLoop

STUCK_S = 10.0
PID = 4_000_001
HELLO = frames.pack_hello(PID, "cpu", "2.13.0", "AVX2")


class Transport(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep it."""
        self.written.append(bytes(data))


class Owner:
    """What a link tells its batcher, and who it says is stuck."""

    def __init__(self) -> None:
        self.freed_times = 0
        self.finished_batches: list[tuple[int, int, int, bytes]] = []
        self.lost_batches: list[int] = []
        self.greetings = 0
        self.stuck = 0

    def freed(self) -> None:
        self.freed_times += 1

    def finished(self, batch: Batch, status: int, microseconds: int, payload: frames.Raw) -> None:
        self.finished_batches.append((batch.id, status, microseconds, bytes(payload)))

    def lost(self, batch: Batch) -> None:
        self.lost_batches.append(batch.id)

    def greeted(self) -> None:
        self.greetings += 1

    def is_stuck(self) -> None:
        self.stuck += 1


class Wire:
    """One link and the worker at its other end, which a test plays."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.owner = Owner()
        self.link = Link(Path("/nowhere"), STUCK_S, self.owner.greeted, self.owner.is_stuck)
        connecting = loop.create_task(self.link.keep_connected(self.owner.freed))
        loop.go_on()
        connecting.cancel()
        loop.go_on()
        self.transport = Transport()
        self.link.connection_made(self.transport)

    def greet(self) -> None:
        """Be ready."""
        self.link.data_received(HELLO)

    def send(self, *numbers: int, at: float) -> None:
        """Have batches sent together."""
        batches = [Batch(number, [], make_queue(), self.owner) for number in numbers]
        for batch in batches:
            batch.sent = at
        self.link.send(batches)


@pytest.fixture
def wire(loop: VirtualLoop) -> Wire:
    """A link that is connected and not yet greeted."""
    return Wire(loop)


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Who was sent which signal."""
    found: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: found.append((pid, number)))
    return found


def test_a_link_is_free_from_the_greeting_on(wire: Wire) -> None:
    """Not from the connection on: the worker may not be ready, or another one's."""
    assert not wire.link.up
    assert not wire.link.free
    wire.greet()
    assert wire.link.up
    assert wire.link.free
    assert wire.link.greeting["pid"] == PID
    assert wire.owner.greetings == 1
    assert wire.owner.freed_times == 1


@pytest.mark.parametrize("size", [1, 7, 20, 1000])
def test_frames_may_come_in_any_pieces(wire: Wire, size: int) -> None:
    """Several in one, and one in several."""
    stream = HELLO + frames.pack_reply(1, Status.OK, 2, 30, b"x" * 16)
    wire.send(1, at=0.0)
    for start in range(0, len(stream), size):
        wire.link.data_received(stream[start : start + size])
    assert wire.owner.finished_batches == [(1, Status.OK, 30, b"x" * 16)]


def test_a_batch_is_out_until_it_is_answered(wire: Wire) -> None:
    """One at a time, in the batcher's own form; the answer of another is nobody's."""
    wire.greet()
    wire.send(1, at=0.0)
    [(fields, _)] = frames.Stream(frames.REQUEST).feed(wire.transport.written[0])
    assert fields[1] == 1
    assert not wire.link.free
    wire.link.data_received(frames.pack_reply(9, Status.OK, 1, 5, b""))
    assert wire.owner.finished_batches == []
    wire.link.data_received(frames.pack_reply(1, Status.FAILED, 1, 5, b""))
    assert wire.owner.finished_batches == [(1, Status.FAILED, 5, b"")]
    assert wire.link.free


def test_batches_of_several_queues_are_one_write(wire: Wire) -> None:
    """The link is free when the last of them is answered, not before."""
    wire.greet()
    wire.send(1, 2, at=0.0)
    [written] = wire.transport.written
    assert [fields[1] for fields, _ in frames.Stream(frames.REQUEST).feed(written)] == [1, 2]
    wire.link.data_received(frames.pack_reply(1, Status.OK, 1, 5, b""))
    assert not wire.link.free
    wire.link.data_received(frames.pack_reply(2, Status.OK, 1, 5, b""))
    assert wire.link.free
    assert [batch[0] for batch in wire.owner.finished_batches] == [1, 2]


def test_a_death_gives_back_what_was_not_answered(wire: Wire) -> None:
    """Of what was sent together."""
    wire.greet()
    wire.send(1, 2, 3, at=0.0)
    wire.link.data_received(frames.pack_reply(1, Status.OK, 1, 5, b""))
    wire.link.connection_lost(None)
    assert wire.owner.lost_batches == [2, 3]


def test_a_death_gives_the_batch_back(wire: Wire) -> None:
    """At once, by the end of the stream; without a batch there is nothing to give back."""
    wire.greet()
    wire.send(1, at=0.0)
    wire.link.connection_lost(None)
    assert not wire.link.up
    assert not wire.link.free
    assert wire.owner.lost_batches == [1]


def test_a_death_between_batches_loses_nothing(wire: Wire) -> None:
    """And half a frame is forgotten with the stream that it was on."""
    wire.greet()
    wire.link.data_received(frames.pack_reply(1, Status.OK, 1, 5, b"12345678")[:10])
    wire.link.connection_lost(None)
    assert wire.owner.lost_batches == []
    wire.link.connection_made(Transport())
    wire.greet()
    assert wire.link.up


def test_a_worker_that_holds_a_batch_for_too_long_is_ended(wire: Wire, killed: list[tuple[int, int]]) -> None:
    """Once, and not before anyone's time is over."""
    wire.greet()
    wire.send(1, at=100.0)
    wire.link.end_if_stuck(100.0 + STUCK_S)
    assert killed == []
    for _ in range(2):
        wire.link.end_if_stuck(100.1 + STUCK_S)
    assert killed == [(PID, signal.SIGKILL)]
    assert wire.owner.stuck == 1
    assert not wire.link.up


def test_an_idle_worker_is_not_stuck(wire: Wire, killed: list[tuple[int, int]]) -> None:
    """However long nobody asks."""
    wire.greet()
    wire.link.end_if_stuck(1e9)
    assert killed == []


def test_a_sign_of_life(loop: VirtualLoop, wire: Wire, killed: list[tuple[int, int]]) -> None:
    """A frame without rows asks for it; when none comes, for too long at last, the worker is ended."""
    assert loop.run_until_complete(wire.link.answers(1)) is False  # not greeted yet
    wire.greet()
    asked = loop.create_task(wire.link.answers(1))
    loop.go_on()
    [(fields, _)] = frames.Stream(frames.REQUEST).feed(wire.transport.written[-1])
    assert fields[4] == 0
    assert fields[6] == frames.Command.PING
    wire.link.data_received(frames.pack_reply(0, Status.OK, 0, 0, b""))
    assert loop.run_until_complete(asked) is True
    for _ in range(int(STUCK_S) + 1):
        assert loop.run_until_complete(wire.link.answers(1)) is False
    assert killed == [(PID, signal.SIGKILL)]
    assert len(wire.transport.written) == 2  # one question is enough for all who ask


def test_it_connects_again_and_again(
    loop: VirtualLoop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """While nobody listens, and after each death."""
    tried: list[float] = []

    async def connect(make: Callable[[], Link], path: str) -> None:
        assert path == str(tmp_path / "worker-0.sock")
        tried.append(loop.now)
        if len(tried) < 3:
            raise FileNotFoundError
        make().connection_made(Transport())

    monkeypatch.setattr(loop, "create_unix_connection", connect)
    owner = Owner()
    made = Link(tmp_path / "worker-0.sock", STUCK_S, owner.greeted, owner.is_stuck)
    task = loop.create_task(made.keep_connected(owner.freed))
    loop.go_on(0.1)
    assert [at - tried[0] for at in tried] == pytest.approx([0, link.RECONNECT_S, 2 * link.RECONNECT_S])
    made.connection_lost(None)
    loop.go_on()
    assert len(tried) == 4
    task.cancel()
    loop.go_on()


def test_a_worker_is_asked_to_count(loop: VirtualLoop, wire: Wire) -> None:
    """Each time anew, whoever asked before; who does not answer in time is not waited for, nor ended."""
    wire.link.connection_made(transport := Transport())
    wire.link.data_received(HELLO)
    first = loop.create_task(wire.link.counts(1.0))
    second = loop.create_task(wire.link.counts(1.0))
    loop.go_on()
    numbers = [frames.REQUEST.unpack_from(raw)[1] for raw in transport.written]
    assert len(set(numbers)) == 2
    assert {frames.REQUEST.unpack_from(raw)[6] for raw in transport.written} == {frames.Command.COUNT}
    wire.link.data_received(frames.pack_reply(numbers[1], Status.OK, 0, 0, b""))
    loop.go_on()
    assert (first.done(), second.done()) == (False, True)
    loop.go_on(1.0)
    assert first.done()
    wire.link.data_received(frames.pack_reply(numbers[0], Status.OK, 0, 0, b""))  # late
    assert wire.link.free
    assert wire.owner.stuck == 0
