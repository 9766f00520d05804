"""The link from this HTTP process to one worker's slot: connect, send batches, wait, notice its death.

Knows nothing of requests: what to send a batch says, and what to do with a reply its owner.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import logging
import os
import signal
import time
from typing import TYPE_CHECKING, Any

from service.wire import frames

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from service.plane.batch import Batch

FIRST_NUMBER = 1 << 63
"""Of commands that are replied to; batches have smaller ones."""
RECONNECT_S = 0.02
"""How often a worker's socket is tried while it is not there; a worker takes a second or more to start."""

log = logging.getLogger("logitserve.link")


class Link(asyncio.Protocol):
    """One worker slot, as this HTTP process sees it. `free` is whether batches may be sent."""

    def __init__(
        self,
        path: Path,
        stuck_s: float,
        greeted: Callable[[], None],
        stuck: Callable[[], None],
    ) -> None:
        """`greeted` and `stuck` are told of a worker that is ready, and of one that had to be ended."""
        self.greeting: dict[str, Any] = {}
        """What the worker last said of itself: `pid`, `device`, `torch` and `cpu_capability`."""
        self._path = path
        self._stuck_s = stuck_s
        self._greeted = greeted
        self._stuck = stuck
        self._transport: asyncio.Transport | None = None
        self._batches: dict[int, Batch] = {}
        self._ping: asyncio.Future[None] | None = None
        self._pinged = 0.0
        self._numbers = itertools.count(FIRST_NUMBER)
        self._counting: dict[int, asyncio.Future[None]] = {}
        self.up = self.free = False

    async def keep_connected(self, freed: Callable[[], None]) -> None:
        """Connect whenever there is no connection, until cancelled; tell `freed` of each new worker."""
        self._freed = freed
        loop = asyncio.get_running_loop()
        while True:
            self._closed = loop.create_future()
            try:
                await loop.create_unix_connection(lambda: self, str(self._path))
            except OSError:  # not there yet, or nobody behind it any more
                await asyncio.sleep(RECONNECT_S)
            else:
                await self._closed

    def send(self, batches: list[Batch]) -> None:
        """Send batches in one write; only when `free`."""
        self.free = False
        for batch in batches:
            self._batches[batch.id] = batch
        self._transport.write(b"".join([batch.frame() for batch in batches]))  # type: ignore[union-attr] # free means connected

    async def answers(self, within_s: float) -> bool:
        """Return whether the worker gives a sign of life in time."""
        if not self.up or self._transport is None:
            return False
        if self._ping is None or self._ping.done():
            self._ping = asyncio.get_running_loop().create_future()
            self._pinged = time.monotonic()
            self._transport.write(frames.pack_command(0, frames.Command.PING))
        ping = self._ping
        done, _ = await asyncio.wait([ping], timeout=within_s)
        if not done:
            self.end_if_stuck(time.monotonic())  # without requests nobody else looks
        return bool(done) and not ping.cancelled()

    async def counts(self, within_s: float) -> None:
        """Have the worker count what it answered so far; it is not waited for any longer."""
        if not self.up or self._transport is None:
            return
        # Each its own: what an earlier one counted was perhaps not all of it.
        number, counted = next(self._numbers), asyncio.get_running_loop().create_future()
        self._counting[number] = counted
        self._transport.write(frames.pack_command(number, frames.Command.COUNT))
        try:
            await asyncio.wait([counted], timeout=within_s)
        finally:
            self._counting.pop(number, None)

    def end_if_stuck(self, now: float) -> None:
        """Kill a worker that has held batches for longer than any request may wait."""
        held_since = next((batch.sent for batch in self._batches.values()), now)
        if self._ping is not None and not self._ping.done():
            held_since = min(held_since, self._pinged)
        if self.up and now - held_since > self._stuck_s:
            log.error("worker process %d is stuck; ending it", self.greeting["pid"])
            self.up = False
            self._stuck()
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.greeting["pid"], signal.SIGKILL)

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        self._stream = frames.Stream(frames.REPLY)

    def data_received(self, data: bytes) -> None:
        for (_, batch_id, status, _, microseconds), payload in self._stream.feed(data):
            if status == frames.Status.HELLO:
                self.greeting = json.loads(bytes(payload))
                self._greeted()
                self.up = self.free = True
                self._freed()
            elif batch_id == 0:
                if self._ping is not None and not self._ping.done():
                    self._ping.set_result(None)
            elif batch_id >= FIRST_NUMBER:
                counted = self._counting.get(batch_id)
                if counted is not None and not counted.done():
                    counted.set_result(None)
            elif batch_id in self._batches:
                batch = self._batches.pop(batch_id)
                self.free = not self._batches
                batch.owner.finished(batch, status, microseconds, payload)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._transport = None
        self.up = self.free = False
        batches, self._batches = self._batches, {}
        if self._ping is not None:
            self._ping.cancel()
        self._closed.set_result(None)
        for batch in batches.values():
            batch.owner.lost(batch)
