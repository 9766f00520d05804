"""How an HTTP process accepts: not when another one holds clearly fewer connections. Knows no HTTP.

All processes listen on one socket, and the kernel wakes any of them. A process that is crowded leaves what
comes to the others; what they have not taken after a moment it takes itself.
"""

from __future__ import annotations

import logging
import select
from typing import TYPE_CHECKING

import uvloop

if TYPE_CHECKING:
    import asyncio
    import socket
    import ssl
    from collections.abc import Callable, Coroutine

    from service.shares import Shares

PATIENCE_S = 0.001
"""How long a connection is left to the others."""
EXHAUSTED_S = 0.1
"""How long to wait when the process or the machine has no descriptor left."""

log = logging.getLogger("logitserve.http")


class Acceptor:
    """What uvicorn takes for an asyncio server: while this process is not crowded, uvloop's own accepts.

    uvloop's cannot pause, so it is closed, and opened anew on a copy of the listening socket.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        serve: Callable[[socket.socket, Callable[[], None]], Coroutine[None, None, asyncio.AbstractServer]],
        listener: socket.socket,
        shares: Shares,
        slot: int,
    ) -> None:
        """`serve` has uvloop accept on a socket, and call a function with every connection."""
        self._loop = loop
        self._serve = serve
        self._listener = listener
        self._shares = shares
        self._slot = slot
        self._server: asyncio.AbstractServer | None = None
        self._opening: asyncio.Task[None] | None = None
        self._closed = False
        self._waiting = select.poll()
        self._waiting.register(listener, select.POLLIN)
        shares.open(slot)

    async def accept(self) -> None:
        """Accept whoever comes."""
        if self._closed:
            return
        try:
            self._server = await self._serve(self._listener.dup(), self._came)
        except OSError as error:
            log.warning("cannot accept: %s", error)
            self._loop.call_later(EXHAUSTED_S, self._resume)

    def close(self) -> None:
        """Accept nobody any more."""
        self._closed = True
        self._shares.close(self._slot)
        self._loop.remove_reader(self._listener)
        self._pause()

    async def wait_closed(self) -> None:
        """Return at once: connections are ended by uvicorn."""

    def _came(self) -> None:
        """Leave the next ones to others if the one that is being accepted makes this process crowded."""
        if self._shares.crowded(self._slot, coming=1):
            self._loop.call_soon(self._leave)  # not within uvloop's accepting, which would lose it

    def _pause(self) -> None:
        if self._server:
            self._server.close()
            self._server = None

    def _leave(self) -> None:
        self._pause()
        if not self._closed:
            self._loop.add_reader(self._listener, self._look)

    def _look(self) -> None:
        """Somebody came: give the others a moment, or accept."""
        self._loop.remove_reader(self._listener)
        if self._shares.crowded(self._slot):
            self._loop.call_later(PATIENCE_S, self._take_left)
        else:
            self._resume()

    def _take_left(self) -> None:
        """Accept again if somebody waits whom nobody has taken."""
        if self._waiting.poll(0):
            self._resume()
        else:
            self._leave()

    def _resume(self) -> None:
        self._opening = self._loop.create_task(self.accept())


class Loop(uvloop.Loop):
    """uvloop's, whose server on a given socket is an `Acceptor`."""

    def __init__(self, shares: Shares, slot: int) -> None:
        super().__init__()
        self._shares = shares
        self._slot = slot

    async def create_server(  # type: ignore[override] # as uvicorn calls it
        self,
        protocol_factory: Callable[[], asyncio.Protocol],
        *,
        sock: socket.socket,
        ssl: ssl.SSLContext | None = None,
        backlog: int = 100,
    ) -> Acceptor:
        """Accept on `sock`. Who is connected is counted by the protocol, in `shares`."""

        async def serve(listener: socket.socket, came: Callable[[], None]) -> asyncio.AbstractServer:
            def make() -> asyncio.Protocol:
                came()
                return protocol_factory()

            return await super(Loop, self).create_server(make, sock=listener, ssl=ssl, backlog=backlog)

        acceptor = Acceptor(self, serve, sock, self._shares, self._slot)
        await acceptor.accept()
        return acceptor
