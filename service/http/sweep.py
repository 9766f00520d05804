"""The open connections of one HTTP process, looked at once a second; and the Date of their answers."""

from __future__ import annotations

import asyncio
import time
from email.utils import formatdate
from typing import Protocol

SWEEP_S = 1.0
"""How often connections are looked at for a passed time limit: coarse, so that no request pays a timer."""


class Watched(Protocol):
    """A connection, as the sweep sees it."""

    def check_time(self, now: float) -> None: ...


class Sweep:
    """Who is connected."""

    def __init__(self) -> None:
        self.connections: set[Watched] = set()
        self.date = b""
        """The Date of every answer (RFC 9110 6.6.1), made anew each second while anyone is connected."""
        self._sweeping = False

    def opened(self, connection: Watched) -> None:
        """Watch `connection`."""
        self.connections.add(connection)
        if not self._sweeping:
            self._sweeping = True
            self._tell_time()
            asyncio.get_running_loop().call_later(SWEEP_S, self._sweep)

    def closed(self, connection: Watched) -> None:
        """Watch it no more."""
        self.connections.discard(connection)

    def _tell_time(self) -> None:
        self.date = formatdate(usegmt=True).encode()

    def _sweep(self) -> None:
        self._tell_time()
        now = time.monotonic()
        for connection in list(self.connections):
            connection.check_time(now)
        self._sweeping = bool(self.connections)
        if self._sweeping:
            asyncio.get_running_loop().call_later(SWEEP_S, self._sweep)
