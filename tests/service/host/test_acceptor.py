"""Accepting: from a process that is crowded, connections go to the others, if these take them."""

import asyncio
import errno
import itertools
import socket
from collections.abc import Callable, Iterator

import pytest

from service.host.acceptor import EXHAUSTED_S, Acceptor, Loop
from service.shares import Shares


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A socket that is bound."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        yield found


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


def test_it_says_from_when_until_when_it_accepts(listener: socket.socket) -> None:
    """To the others, by what it is taken to hold."""
    shares = Shares(2)
    shares.open(1)
    shares.add(1, 2)
    assert not shares.crowded(1)

    async def main() -> None:
        server = await accept(listener)
        assert shares.crowded(1)
        server.close()
        assert not shares.crowded(1)
        await server.wait_closed()
        with socket.create_connection(listener.getsockname()):
            await asyncio.sleep(0.01)
            listener.accept()[0].close()  # nobody has

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
        assert await greeted(listener) == b"hello"  # the one who makes it notice
        taken: asyncio.Future[socket.socket] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().add_reader(other, lambda: taken.set_result(other.accept()[0]))
        _, writer = await asyncio.open_connection(*listener.getsockname())
        (await taken).close()
        asyncio.get_running_loop().remove_reader(other)
        writer.close()
        server.close()

    with listener.dup() as other:
        run(shares, main())


def test_who_is_not_crowded_any_more_accepts_again(listener: socket.socket) -> None:
    """Without giving anybody a moment."""
    shares = Shares(2)
    shares.open(1)

    async def main() -> None:
        server = await accept(listener)
        shares.add(0, 100)
        assert await greeted(listener) == b"hello"
        shares.add(1, 100)
        assert [await greeted(listener) for _ in range(3)] == [b"hello"] * 3
        server.close()

    run(shares, main())


def test_without_descriptors_it_tries_again(
    listener: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    """A copy of the listening socket is one more; it waits, though somebody waits to be accepted."""
    shares = Shares(2)
    shares.open(1)
    fails = iter([OSError(errno.EMFILE, "too many open files")] * 2)
    tried = []

    async def main() -> None:
        loop = asyncio.get_running_loop()

        async def serve(copy: socket.socket, came: Callable[[], None]) -> asyncio.Server:
            tried.append(loop.time())
            for fault in fails:
                copy.close()
                raise fault

            def make() -> Greeting:
                came()
                return Greeting()

            return await super(Loop, loop).create_server(make, sock=copy)  # type: ignore[misc]

        listener.listen()
        acceptor = Acceptor(loop, serve, listener, shares, 0)
        shares.add(0, 100)
        await acceptor.accept()
        assert await greeted(listener) == b"hello"
        acceptor.close()

    run(shares, main())
    assert caplog.text.count("cannot accept") == 2
    assert all(later - earlier > 0.9 * EXHAUSTED_S for earlier, later in itertools.pairwise(tried[:3]))
