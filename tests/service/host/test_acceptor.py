"""Accepting: from a process that is crowded, connections go to the others, if these take them."""

import asyncio
import errno
import socket
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest

from service.host.acceptor import EXHAUSTED_S, PATIENCE_S, Acceptor, Loop
from service.shares import Shares


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A socket that is bound."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        yield found


class FullTable:
    """A listener of a process that may open no more."""

    def accept(self) -> None:
        raise OSError(errno.EMFILE, "too many open files")


class Greeting(asyncio.Protocol):
    """Says hello, once."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        transport.write(b"hello")
        transport.close()


async def accept(listener: socket.socket) -> Acceptor:
    """Have the running loop accept, as uvicorn does."""
    loop = asyncio.get_running_loop()
    return await loop.create_server(Greeting, sock=listener, backlog=16)  # type: ignore[return-value]


async def greeted(listener: socket.socket) -> bytes:
    """Connect, and return what is said."""
    reader, writer = await asyncio.open_connection(*listener.getsockname())
    said = await reader.read()
    writer.close()
    return said


def run(shares: Shares, main: object) -> None:
    """Run a coroutine in slot 0 of `shares`."""
    loop, faults = Loop(shares, 0), []
    loop.set_exception_handler(lambda _, context: faults.append(context))
    try:
        loop.run_until_complete(asyncio.wait_for(main, 30))  # type: ignore[arg-type]
    finally:
        loop.close()
        assert not faults


def test_it_counts_whom_it_accepts(listener: socket.socket) -> None:
    """Others see how many there are, and at the end that nobody is accepted."""
    shares = Shares(2)

    async def main() -> None:
        server = await accept(listener)
        assert [await greeted(listener) for _ in range(3)] == [b"hello"] * 3
        shares.open(1)
        assert shares.crowded(0)
        server.close()
        shares.add(1, 2)
        assert not shares.crowded(1)
        await server.wait_closed()

    run(shares, main())


def test_whom_no_other_takes_it_takes_itself(listener: socket.socket) -> None:
    """However crowded it is: another process may stand still."""
    shares = Shares(2)
    shares.open(1)

    async def main() -> None:
        server = await accept(listener)
        shares.add(0, 100)
        said = await asyncio.gather(*(greeted(listener) for _ in range(5)))
        assert said == [b"hello"] * 5
        server.close()

    run(shares, main())


def test_a_connection_is_left_to_another(listener: socket.socket) -> None:
    """The other one, on the same socket, has it before this one looks again."""
    shares = Shares(2)
    shares.open(1)

    async def main() -> None:
        server = await accept(listener)
        shares.add(0, 100)
        taken: asyncio.Future[socket.socket] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().add_reader(other, lambda: taken.set_result(other.accept()[0]))
        _, writer = await asyncio.open_connection(*listener.getsockname())
        (await taken).close()
        asyncio.get_running_loop().remove_reader(other)
        writer.close()
        server.close()

    with listener.dup() as other:
        run(shares, main())


def test_without_descriptors_it_does_not_try_again_at_once(caplog: pytest.LogCaptureFixture) -> None:
    """Neither when it was crowded before: the queue would wake it for ever."""
    reading: set[object] = set()
    later: list[tuple[float, Callable[[], None]]] = []
    loop = SimpleNamespace(
        add_reader=lambda who, _: reading.add(who),
        remove_reader=reading.discard,
        call_later=lambda seconds, what: later.append((seconds, what)),
    )
    shares = Shares(2)
    shares.open(1)
    acceptor = Acceptor(loop, Greeting, FullTable(), None, shares, 0)  # type: ignore[arg-type]
    shares.add(0, 100)
    acceptor._come()
    [(_, take_left)] = later
    take_left()
    assert not reading
    assert [seconds for seconds, _ in later] == [PATIENCE_S, EXHAUSTED_S]
    assert caplog.text.count("cannot accept") == 1
