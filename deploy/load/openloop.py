"""Open-loop load: requests leave when they are due, however late the answers before them are.

A closed loop waits for the server and so hides its worst moments. Here arrivals are a Poisson process,
and a latency counts from the scheduled send. Knows nothing of what is asked, nor who answers.
"""

import argparse
import asyncio
import json
import random
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator

import uvloop

from deploy.load.client import Answer, Connection, get, post
from deploy.load.samples import BROKEN, Result, Sample

TICK_S = 0.001
"""Requests due within this leave together: to sleep for each would cost more than to send it."""

Requests = Callable[[int], bytes]
Verify = Callable[[int, Answer], bool]


def poisson(rate: float, seconds: float, seed: int = 0) -> Iterator[float]:
    """Yield the times, in seconds from the start, at which a Poisson process of `rate` a second fires."""
    draw = random.Random(seed)
    at = draw.expovariate(rate)
    while at < seconds:
        yield at
        at += draw.expovariate(rate)


async def run(
    port: int,
    arrivals: Iterable[float],
    request: Requests,
    verify: Verify = lambda _number, _answer: True,
    *,
    keep: bool = True,
) -> Result:
    """Send `request(n)` at the n-th arrival, in seconds from now, and return what came of all of them.

    A request takes the connection that has been idle longest, so that none idles until the service closes
    it, or a new one; always a new one unless `keep`.
    """
    started = time.monotonic()
    idle: deque[Connection] = deque()

    samples: list[Sample] = []

    async def one(number: int, due: float) -> None:
        connection, answer, why = None, None, ""
        try:
            connection = idle.popleft() if idle else await Connection.connect(port)
            answer = await connection.ask(request(number))
        except (OSError, EOFError) as error:
            why = type(error).__name__
        took = time.monotonic() - started - due
        if connection is not None and answer is not None and connection.open and keep:
            idle.append(connection)
        elif connection is not None:
            connection.close()
        if answer is None:
            samples.append(Sample(due, took, BROKEN, why=why))
        else:
            samples.append(Sample(due, took, answer.status, verify(number, answer)))

    due = 0.0
    # The group forgets who is done: to gather tens of thousands at the end would hold up the last of them.
    async with asyncio.TaskGroup() as group:
        for number, due in enumerate(arrivals):
            early = started + due - time.monotonic()
            if early > TICK_S:
                await asyncio.sleep(early)
            group.create_task(one(number, due))
    for connection in idle:
        connection.close()
    return Result(due, sorted(samples))


def main() -> None:
    """Load a service that runs already with one request over and over, and print what came of it."""
    parser = argparse.ArgumentParser(prog="python -m deploy.load.openloop", description=main.__doc__)
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--rate", type=float, default=100, help="requests a second, on average")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--instance", help="JSON of one instance to predict; GET /livez without it")
    arguments = parser.parse_args()
    sent = post([json.loads(arguments.instance)]) if arguments.instance else get("/livez")
    arrivals = poisson(arguments.rate, arguments.seconds)
    print(json.dumps(uvloop.run(run(arguments.port, arrivals, lambda _: sent)).report(), indent=2))  # noqa: T201 - a command prints


if __name__ == "__main__":
    main()
