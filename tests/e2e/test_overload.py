"""More requests than can be answered: the rest is refused at once, and nothing is done in vain."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import psutil
import pytest

from deploy.load import openloop
from deploy.load.client import Answer, Connection, get, post
from tests.e2e import faulty
from tests.e2e.running import Service, wait_for

LIMIT, MORE = 100, 40
"""Requests that may be pending, and how many more are sent."""


@pytest.fixture(scope="module")
def fast(share: Callable[..., Service], faults: Path) -> Service:
    """A service of one HTTP process whose worker the tests stop and let go."""
    return share(model_store=faults, model="fast", api_servers=1, max_pending=LIMIT, timeout_s=60)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition that blocks."""
    await asyncio.to_thread(wait_for, condition)


async def connect(service: Service, count: int) -> list[Connection]:
    """Open connections."""
    return [await Connection.connect(service.port) for _ in range(count)]


async def ask_all(connections: list[Connection]) -> list[Awaitable[Answer]]:
    """Send the n-th request on the n-th connection, without waiting for the answers."""
    return [
        asyncio.create_task(connection.ask(faulty.request(number)))
        for number, connection in enumerate(connections)
    ]


def test_exactly_the_surplus_is_refused_at_once(fast: Service) -> None:
    """Of Q + N requests N are 503 with Retry-After while nothing moves, and Q are answered afterwards."""
    [worker] = fast.workers()
    before = fast.metric("rejected_total", reason="overloaded")

    async def main() -> list[Answer]:
        connections = await connect(fast, LIMIT + MORE)
        worker.send_signal(psutil.signal.SIGSTOP)
        asked = await ask_all(connections)
        await until(lambda: fast.metric("pending_requests") == LIMIT)
        await until(lambda: fast.metric("rejected_total", reason="overloaded") == before + MORE)
        assert fast.metric("pending_limit") == LIMIT
        worker.send_signal(psutil.signal.SIGCONT)
        answers = await asyncio.gather(*asked)
        assert all(faulty.right(number, answer) for number, answer in enumerate(answers))
        for connection in connections:
            connection.close()
        return answers

    answers = asyncio.run(main())
    refused = [answer for answer in answers if answer.status == 503]
    assert len(refused) == MORE
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
    assert [answer.status for answer in answers].count(200) == LIMIT
    assert fast.metric("pending_requests") == 0


def test_requests_whose_clients_left_are_never_scored(fast: Service) -> None:
    """Their places are free at once, they are counted as cancelled, and the model never sees them."""
    [worker] = fast.workers()
    cancelled, scored = fast.metric("cancelled_total"), fast.metric("rows_total")
    worker.send_signal(psutil.signal.SIGSTOP)

    async def main() -> None:
        for _ in range(2):
            connections = await connect(fast, LIMIT)
            asked = await ask_all(connections)
            await until(lambda: fast.metric("pending_requests") == LIMIT)
            for connection in connections:
                connection.close()
            await asyncio.gather(*asked, return_exceptions=True)
            await until(lambda: fast.metric("pending_requests") == 0)

    asyncio.run(main())
    worker.send_signal(psutil.signal.SIGCONT)
    assert fast.metric("cancelled_total") - cancelled == 2 * LIMIT
    assert fast.predict([faulty.GOOD, 0]).status_code == 200
    # The first one found the worker free; it was sent before its client left.
    assert fast.metric("rows_total") - scored <= 2


def test_what_expires_in_the_queue_is_never_scored(start: Callable[..., Service], faults: Path) -> None:
    """With 50 ms to live behind 400 ms of work: 504 at the deadline, and the model never sees it."""
    service = start(model_store=faults, model="slow", api_servers=1)

    async def main() -> None:
        long, short = await connect(service, 2)
        # Its first batch teaches the service nothing of the pace: what comes next is admitted.
        busy = asyncio.create_task(long.ask(post([[faulty.GOOD, 0.0]] * 80)))
        await until(lambda: service.metric("queue_wait_seconds_count") == 1)
        sent = time.monotonic()
        answer = await short.ask(faulty.request(0, "X-Request-Timeout-Ms: 50\r\n"))
        assert (answer.status, time.monotonic() - sent >= 0.05) == (504, True)
        assert (await busy).status == 200
        for connection in (long, short):
            connection.close()

    asyncio.run(main())
    assert service.predict([faulty.GOOD, 0]).status_code == 200
    assert service.metric("rows_total") == 81


def test_overload_is_refused_while_probes_and_scrapes_go_on(
    start: Callable[..., Service], faults: Path
) -> None:
    """At three times the capacity there are right answers and refusals, no probe fails, and it passes."""
    service = start(model_store=faults, model="slow", api_servers=2, timeout_s=2)

    async def watch(seconds: float) -> None:
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            for path in ("/livez", "/readyz", "/metrics", "/health", "/info"):
                [connection] = await connect(service, 1)
                assert (await connection.ask(get(path))).status == 200, path
                connection.close()
            await asyncio.sleep(0.1)

    def verify(number: int, answer: Answer) -> bool:
        if answer.status == 503:
            return int(answer.headers["retry-after"]) >= 1
        return answer.status in (200, 504) and faulty.right(number, answer)

    async def main() -> openloop.Result:
        arrivals = openloop.poisson(3 / faulty.SECONDS_PER_ROW, 5)
        loading = openloop.run(service.port, arrivals, faulty.request, verify)
        result, _ = await asyncio.gather(loading, watch(5))
        return result

    result = asyncio.run(main())
    assert not result.wrong(), result.report()
    assert not result.broken(), result.report()
    assert min(result.counts()[200], result.counts()[503]) > 100, result.report()
    wait_for(lambda: service.predict([faulty.GOOD, 0]).status_code == 200, 5)
    wait_for(lambda: service.metric("pending_requests") == 0, 5)
