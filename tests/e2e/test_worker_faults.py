"""Workers that die, stop or hang: nobody but the request at fault notices."""

import asyncio
import contextlib
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from deploy.load.client import Connection, post
from tests.e2e import faulty
from tests.e2e.running import Service, wait_for
from tests.load import closedloop

DEADLINE_S = 30
"""Generous: a worker takes seconds to start, and many on a loaded machine."""
THINK_S = 0.2
"""At most 1,000 requests a second of 200 clients, so that a new worker gets a core to start on."""


def footprint(service: Service) -> dict[str, Any]:
    """Return what a restart must not leave behind: descriptors, threads, processes, files."""
    apis = service.apis()
    return {
        "descriptors of main": service.main.num_fds(),
        # Together: the connection of the test's own client may move from one to the other.
        "descriptors of HTTP processes": sum(map(open_files, apis)),
        "threads": [process.num_threads() for process in (service.main, *apis)],
        "processes": len(service.tree()),
        "zombies": sum(process.status() == "zombie" for process in service.tree()),
        "files": sorted(path.name for path in Path(service.settings["run_dir"]).rglob("*")),
    }


def open_files(process: psutil.Process) -> int:
    """Count what a process has open: the listener once, of which it has a second copy while not crowded."""
    links = []
    for descriptor in Path(f"/proc/{process.pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            links.append(str(descriptor.readlink()))
    sockets = Counter(link for link in links if link.startswith("socket:"))
    assert max(sockets.values()) <= 2, sockets
    return len(links) - sockets.total() + len(sockets)


def connected(service: Service) -> bool:
    """Return whether every HTTP process, and main, is connected to every worker."""
    # They are named as the listener was when it was bound.
    sockets = [worker.net_connections("unix") for worker in service.workers()]
    accepted = [sum("worker-" in str(each.laddr) for each in own) - 1 for own in sockets]
    return accepted == [len(service.apis()) + 1] * len(sockets)


def alone(service: Service) -> bool:
    """Return whether the test's own client is the only one that the HTTP processes know."""
    connections = [found for api in service.apis() for found in api.net_connections("tcp")]
    return sum(found.status != psutil.CONN_LISTEN for found in connections) == 1


async def kill_workers(service: Service, times: int) -> None:
    """Kill a worker, see the service get its number back, and again."""
    draw = random.Random(times)  # noqa: S311 - which one does not matter
    count = len(service.workers())
    for restarts in range(1, times + 1):
        await asyncio.sleep(0.2)
        draw.choice(service.workers()).kill()

        def all_back(restarts: int = restarts) -> bool:
            return (
                service.metric("worker_restarts_total") == restarts and service.metric("worker_up") == count
            )

        await asyncio.to_thread(wait_for, all_back, 60, 0.1)


@pytest.mark.parametrize(("workers", "times"), [(1, 3), pytest.param(1, 20, marks=pytest.mark.slow), (2, 3)])
def test_killed_workers_fail_no_request(
    start: Callable[..., Service], faults: Path, tmp_path: Path, workers: int, times: int
) -> None:
    """Every one of 200 clients gets its own answer in time, and restarts leave nothing behind."""
    service = start(
        model_store=faults,
        model="fast",
        timeout_s=DEADLINE_S,
        workers_per_device=workers,
        api_servers=2,
        run_dir=tmp_path / "run",
    )
    wait_for(lambda: service.metric("worker_up") == workers)
    wait_for(service.ready)
    wait_for(lambda: connected(service) and alone(service))
    before = footprint(service)

    async def main() -> closedloop.Result:
        killing = asyncio.create_task(kill_workers(service, times))
        return await closedloop.run(service.port, 200, killing, faulty.request, faulty.right, THINK_S)

    result = asyncio.run(main())
    assert set(result.counts()) == {200}, result.report()
    assert not result.wrong()
    assert len(result.samples) > 2 * 200
    assert max(sample.latency_s for sample in result.samples) < DEADLINE_S + 0.5
    assert service.metric("worker_restarts_total", reason="signal") == times
    with contextlib.suppress(AssertionError):
        wait_for(lambda: footprint(service) == before, 10)
    assert footprint(service) == before


def test_a_stopped_worker_is_noticed_and_its_late_answer_dropped(
    start: Callable[..., Service], faults: Path
) -> None:
    """A worker that stands still costs 504 at the deadline and readiness; going on, it mixes nothing up."""
    service = start(model_store=faults, model="fast", timeout_s=DEADLINE_S, api_servers=1)
    [worker] = service.workers()
    worker.send_signal(signal.SIGSTOP)

    async def main() -> None:
        connection = await Connection.connect(service.port)
        sent = time.monotonic()
        answer = await connection.ask(faulty.request(1, "X-Request-Timeout-Ms: 300\r\n"))
        assert (answer.status, time.monotonic() - sent >= 0.3) == (504, True)
        assert not await asyncio.to_thread(service.ready)
        assert "no worker answers" in service.http.get("/readyz").json()["error"]
        worker.send_signal(signal.SIGCONT)
        for number in range(2, 50):
            answer = await connection.ask(faulty.request(number))
            assert answer.status == 200
            assert faulty.right(number, answer)
        connection.close()

    asyncio.run(main())
    assert service.ready()
    assert service.metric("worker_restarts_total") == 0


@pytest.mark.parametrize("asked", [True, False], ids=["hangs-on-a-request", "stops-when-idle"])
def test_a_stuck_worker_is_replaced(start: Callable[..., Service], faults: Path, asked: bool) -> None:
    """A model that never returns is 504 at the deadline; its worker is ended, even if only probes notice."""
    service = start(model_store=faults, model="fast", timeout_s=3, api_servers=1)
    [worker] = service.workers()
    if asked:
        sent = time.monotonic()
        assert service.predict([faulty.HANGS, 0]).status_code == 504
        assert time.monotonic() - sent >= 3
    else:
        worker.send_signal(signal.SIGSTOP)
        wait_for(lambda: not service.ready())
    wait_for(lambda: service.ready() and worker.pid not in [other.pid for other in service.workers()])
    assert service.metric("worker_restarts_total", reason="stuck") == 1
    assert service.predict([faulty.GOOD, 0]).status_code == 200


def test_a_request_that_kills_its_workers_is_given_up(start: Callable[..., Service], faults: Path) -> None:
    """After the third worker that died on it a request is answered 500, and the fourth worker serves."""
    service = start(model_store=faults, model="fast", timeout_s=120, api_servers=1)
    with ThreadPoolExecutor(1) as pool:
        poison = pool.submit(service.predict, [faulty.HANGS, 0])
        for attempt in (1, 2, 3):
            wait_for(lambda sent=attempt: service.metric("queue_wait_seconds_count") == sent, 60)
            [worker] = service.workers()
            worker.kill()
        answer = poison.result()
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert service.predict([faulty.GOOD, 0]).status_code == 200


def test_a_bad_row_fails_alone(start: Callable[..., Service], faults: Path) -> None:
    """Of 64 requests that wait for one worker, the one with a wrong row is 422 and 63 get their answers."""
    service = start(model_store=faults, model="fast", timeout_s=DEADLINE_S, api_servers=1)
    [worker] = service.workers()

    async def main() -> None:
        connections = [await Connection.connect(service.port) for _ in range(64)]
        requests = [faulty.request(number) for number in range(64)]
        requests[20] = post([[faulty.GOOD, None]])
        worker.send_signal(signal.SIGSTOP)
        waiting = [
            asyncio.create_task(connection.ask(request))
            for connection, request in zip(connections, requests, strict=True)
        ]
        assert (await waiting[20]).status == 422
        await asyncio.to_thread(wait_for, lambda: service.metric("pending_requests") == 63)
        worker.send_signal(signal.SIGCONT)
        for number, answer in enumerate(await asyncio.gather(*waiting)):
            assert answer.status == (422 if number == 20 else 200)
            assert number == 20 or faulty.right(number, answer)
        for connection in connections:
            connection.close()

    asyncio.run(main())
