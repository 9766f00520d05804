"""How an HTTP process accepts: not when another one holds clearly fewer connections. Knows no HTTP.

All processes listen on one socket, and the kernel wakes any of them. A process that is crowded leaves what
has come to the others; what they have not taken after a moment it takes itself.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import uvloop

if TYPE_CHECKING:
    import asyncio
    import socket
    import ssl
    from collections.abc import Callable

    from service.shares import Shares

PATIENCE_S = 0.001
"""How long a connection is left to the others."""
EXHAUSTED_S = 0.1
"""How long to wait when the process or the machine has no descriptor left."""

log = logging.getLogger("logitserve.http")


class Acceptor:
    """What uvicorn takes for an asyncio server: it accepts on a listening socket until it is closed."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        make: Callable[[], asyncio.Protocol],
        listener: socket.socket,
        tls: ssl.SSLContext | None,
        shares: Shares,
        slot: int,
    ) -> None:
        """`make` makes the protocol of one connection."""
        self._loop = loop
        self._make = make
        self._listener = listener
        self._tls = tls
        self._shares = shares
        self._slot = slot
        self._opening: set[asyncio.Task[None]] = set()
        self._closed = False
        shares.open(slot)
        self._watch()

    def close(self) -> None:
        """Accept nobody any more."""
        self._closed = True
        self._shares.close(self._slot)
        self._loop.remove_reader(self._listener)

    async def wait_closed(self) -> None:
        """Return at once: connections are ended by uvicorn."""

    def _watch(self) -> None:
        if not self._closed:
            self._loop.add_reader(self._listener, self._come)

    def _come(self) -> None:
        """Take one who waits, or leave it to others for a moment."""
        if self._shares.crowded(self._slot):
            self._loop.remove_reader(self._listener)
            self._loop.call_later(PATIENCE_S, self._take_left)
        else:
            self._accept()

    def _take_left(self) -> None:
        """Take one whom nobody has taken."""
        self._watch()
        if not self._closed:
            self._accept()

    def _accept(self) -> None:
        try:
            client, _ = self._listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return
        except OSError as error:
            log.warning("cannot accept: %s", error)
            self._loop.remove_reader(self._listener)
            self._loop.call_later(EXHAUSTED_S, self._watch)
            return
        client.setblocking(False)
        self._shares.add(self._slot, 1)
        task = self._loop.create_task(self._open(client))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _open(self, client: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._make, client, ssl=self._tls)
        except OSError as error:  # a handshake that failed
            log.debug("no connection: %s", error)
            self._shares.add(self._slot, -1)


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
        """Accept on `sock`."""
        sock.setblocking(False)
        sock.listen(backlog)
        return Acceptor(self, protocol_factory, sock, ssl, self._shares, self._slot)
