"""The open connections of one HTTP process, looked at once a second; and the Date of their answers."""

from __future__ import annotations

import asyncio
import time
from email.utils import formatdate
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from service.shares import Shares

SWEEP_S = 1.0
"""How often connections are looked at for a passed time limit: coarse, so that no request pays a timer."""


class Watched(Protocol):
    """A connection, as the sweep sees it."""

    def check_time(self, now: float) -> None: ...


class Sweep:
    """Who is connected."""

    def __init__(self, shares: Shares, slot: int) -> None:
        """`slot` is this process's."""
        self.connections: set[Watched] = set()
        self._shares = shares
        self._slot = slot
        self._surplus = self._lasting = 0
        self.date = b""
        """The Date of every answer (RFC 9110 6.6.1), made anew each second while anyone is connected."""
        self._sweeping = False

    def opened(self, connection: Watched) -> None:
        """Watch `connection`."""
        self.connections.add(connection)
        self._shares.add(self._slot, 1)
        if not self._sweeping:
            self._sweeping = True
            self._shares.tick()
            self._tell_time()
            asyncio.get_running_loop().call_later(SWEEP_S, self._sweep)

    def closed(self, connection: Watched) -> None:
        """Watch it no more."""
        self.connections.discard(connection)
        self._shares.add(self._slot, -1)

    def sheds(self) -> bool:
        """Return whether a connection should end with its answer, so that its client asks another process."""
        if not self._lasting or not self._shares.surplus(self._slot):
            return False
        self._lasting -= 1
        return True

    def _tell_time(self) -> None:
        self.date = formatdate(usegmt=True).encode()

    def _sweep(self) -> None:
        self._tell_time()
        now = time.monotonic()
        for connection in list(self.connections):
            connection.check_time(now)
        self._shares.tick()
        before, self._surplus = self._surplus, self._shares.surplus(self._slot)
        self._lasting = min(before, self._surplus)  # not of those that come and go
        self._sweeping = bool(self.connections)
        if self._sweeping:
            asyncio.get_running_loop().call_later(SWEEP_S, self._sweep)
