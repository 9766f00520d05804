"""A bell for each HTTP process, which another one rings to have it do something now, and hears that it did.

Knows nothing of what is done.
"""

from __future__ import annotations

import asyncio
import contextlib
import mmap
import socket
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

NOTE = struct.Struct("<IQ")
"""Who rings, and for which time."""
LOOK_S = 0.0005
"""How often it is looked whether all have heard: a message back would cost each of them more."""


class Bells:
    """Made before the processes are forked, which share them."""

    def __init__(self, processes: int) -> None:
        self._processes = processes
        self._ends = [socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(processes)]
        for end in (end for ends in self._ends for end in ends):
            end.setblocking(False)
        self._heard = memoryview(mmap.mmap(-1, 8 * processes**2)).cast("Q")
        """By who hears and who rang: the last time."""
        self._rung = 0

    def answer(self, slot: int, act: Callable[[], None]) -> None:
        """Have `act` called in this process, which has the slot, whenever its bell rings."""
        # A predecessor rang too.
        self._rung = max(self._rung, *self._heard[slot :: self._processes])
        asyncio.get_running_loop().add_reader(self._ends[slot][0], self._hear, slot, act)

    def ignore(self, slot: int) -> None:
        """Hear no more."""
        asyncio.get_running_loop().remove_reader(self._ends[slot][0])

    async def ring(self, slot: int, within_s: float) -> None:
        """Have all other processes act, and wait until they did; who does not in time is not waited for."""
        self._rung += 1
        number, others = self._rung, [other for other in range(self._processes) if other != slot]
        for other in others:
            with contextlib.suppress(BlockingIOError):  # it stands still
                self._ends[other][1].send(NOTE.pack(slot, number))
        loop = asyncio.get_running_loop()
        end = loop.time() + within_s
        while any(self._heard[other * self._processes + slot] < number for other in others):
            if loop.time() >= end:
                return
            await asyncio.sleep(LOOK_S)

    def close(self) -> None:
        """Let go of them."""
        for ends in self._ends:
            for end in ends:
                end.close()

    def _hear(self, slot: int, act: Callable[[], None]) -> None:
        notes = []
        with contextlib.suppress(BlockingIOError):
            while True:
                notes.append(NOTE.unpack(self._ends[slot][0].recv(NOTE.size)))
        act()
        for ringer, number in notes:
            self._heard[slot * self._processes + ringer] = number
