"""Paced load: so many clients that send in turn, evenly, and ask again what a broken connection cost them.

Knows nothing of what is asked, nor who answers.
"""

import asyncio
import time
from typing import NamedTuple

from deploy.load.client import Connection
from deploy.load.openloop import Requests, Verify
from deploy.load.samples import BROKEN, Result, Sample

ATTEMPTS = 20
AGAIN_S = 0.05
"""Between a broken connection and the next attempt."""


class Reset(NamedTuple):
    """A connection that ended before its answer: its own port, and how."""

    port: int
    why: str


async def run(
    port: int, clients: int, rate: float, over: asyncio.Event, request: Requests, verify: Verify
) -> tuple[Result, list[Reset]]:
    """Send `rate` requests a second until it is over; return what came of them, and what was reset.

    Each client has one connection. A latency counts from the scheduled send and includes what is asked
    again; without an answer after so many attempts the request is broken.
    """
    samples: list[Sample] = []
    resets: list[Reset] = []
    started = time.monotonic()

    async def client(first: int) -> None:
        connection, own = await _connect(port)
        for number in range(first, 1 << 62, clients):
            due = number / rate
            await asyncio.sleep(max(0, started + due - time.monotonic()))
            if over.is_set():
                break
            for attempt in range(1, ATTEMPTS + 1):
                status, right, why = BROKEN, True, ""
                try:
                    if not connection.open:
                        connection, own = await _connect(port)
                    answer = await connection.ask(request(number))
                    status, right = answer.status, verify(number, answer)
                    break
                except (OSError, EOFError) as error:
                    why = type(error).__name__
                    resets.append(Reset(own, why))
                    connection.close()
                    await asyncio.sleep(AGAIN_S * (attempt > 1))
            samples.append(Sample(due, time.monotonic() - started - due, status, right, why))
        connection.close()

    async with asyncio.TaskGroup() as group:
        for first in range(clients):
            group.create_task(client(first))
    return Result(time.monotonic() - started, sorted(samples)), resets


async def _connect(port: int) -> tuple[Connection, int]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    return Connection(reader, writer), writer.get_extra_info("sockname")[1]
