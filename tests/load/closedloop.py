"""Closed-loop load: so many clients, each of which sends when its last answer is there.

Knows nothing of what is asked, nor who answers.
"""

import asyncio
import itertools
import time
from collections.abc import Awaitable

from deploy.load.client import Connection
from deploy.load.openloop import Requests, Verify
from deploy.load.samples import BROKEN, Result, Sample


async def run(
    port: int,
    clients: int,
    until: Awaitable[object],
    request: Requests,
    verify: Verify = lambda _number, _answer: True,
    think_s: float = 0.01,
) -> Result:
    """Have every client send `request(n)`, n counted over all, until the awaitable is done.

    Between an answer and its next request a client waits `think_s`.
    """
    numbers = itertools.count()
    samples: list[Sample] = []
    started = time.monotonic()
    over = asyncio.Event()

    async def client() -> None:
        connection = await Connection.connect(port)
        while not over.is_set():
            number, sent = next(numbers), time.monotonic()
            status, right, why = BROKEN, True, ""
            try:
                if not connection.open:
                    connection = await Connection.connect(port)
                answer = await connection.ask(request(number))
                status, right = answer.status, verify(number, answer)
            except (OSError, EOFError) as error:
                why = type(error).__name__
                connection.close()
            samples.append(Sample(sent - started, time.monotonic() - sent, status, right, why))
            await asyncio.sleep(think_s)
        connection.close()

    async with asyncio.TaskGroup() as group:
        for _ in range(clients):
            group.create_task(client())
        await until
        over.set()
    return Result(time.monotonic() - started, samples)
