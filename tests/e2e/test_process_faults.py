"""HTTP processes and the main process that are killed: replaced, or the whole service ends."""

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil

from tests.e2e import faulty
from tests.e2e.running import Service, wait_for
from tests.load import closedloop


def test_a_killed_http_process_is_replaced(start: Callable[..., Service], faults: Path) -> None:
    """Only the connections of the killed process are lost; every answer that comes is right."""
    service = start(model_store=faults, model="fast", api_servers=2)
    killed = service.apis()[0].pid

    async def kill() -> None:
        await asyncio.sleep(0.5)
        psutil.Process(killed).kill()
        await asyncio.to_thread(
            wait_for, lambda: len(apis := service.apis()) == 2 and killed not in [api.pid for api in apis], 10
        )
        await asyncio.sleep(0.5)

    async def main() -> closedloop.Result:
        return await closedloop.run(service.port, 20, kill(), faulty.request, faulty.right)

    result = asyncio.run(main())
    assert not result.wrong()
    assert sum(result.broken().values()) <= 20
    assert set(result.counts()) <= {0, 200}
    last = [sample for sample in result.samples if sample.scheduled_s > result.seconds - 0.2]
    assert {sample.status for sample in last} == {200}
    assert service.ready()
    assert service.stop() == 0


def test_http_processes_that_keep_dying_end_the_service(start: Callable[..., Service], faults: Path) -> None:
    """What does not get better ends with status 1: whoever watches the service must see it."""
    service = start(model_store=faults, model="fast", api_servers=1)

    def killed() -> bool:
        for api in service.apis():
            with contextlib.suppress(psutil.NoSuchProcess):
                api.kill()
        return service.main.poll() is not None

    wait_for(killed, 20)
    assert service.main.wait(5) == 1
    assert "HTTP processes keep ending" in service.log()


def test_nothing_outlives_the_main_process(start: Callable[..., Service], faults: Path) -> None:
    """When the main process is killed, its children end, and the port is free for the next service."""
    service = start(model_store=faults, model="fast", api_servers=2, workers_per_device=2)
    tree = service.tree()
    assert len(tree) >= 5
    service.main.kill()
    _, alive = psutil.wait_procs(tree, 3)
    assert not alive
    with socket.create_server(("127.0.0.1", service.port)):
        pass


def test_a_stopped_http_process_stalls_no_other(start: Callable[..., Service], faults: Path) -> None:
    """A worker does not wait for an HTTP process that reads no answers: the others go on."""
    service = start(model_store=faults, model="fast", api_servers=2)
    stopped, other = service.apis()
    stopped.suspend()

    def served() -> int:
        with contextlib.suppress(httpx.TransportError):
            body = {"instances": [[faulty.GOOD, 0]]}
            return httpx.post(f"{service.url}/predict", json=body, timeout=1).status_code
        return 0

    started = time.monotonic()
    assert wait_for(lambda: served() == 200, 10)
    assert all(served() == 200 for _ in range(20))
    assert time.monotonic() - started < 20
    assert other.is_running()
    stopped.resume()
    assert service.stop() == 0
