"""SIGTERM: balancers are told, what was accepted is answered, nothing is left."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from deploy.load import openloop
from deploy.load.client import Connection, get
from service.host.supervisor import HURRY_S
from tests.e2e import faulty
from tests.e2e.running import Service, wait_for

ROW = [faulty.GOOD, 0.0]

DRAIN_S = 1.5
LOAD = 0.8 / faulty.SECONDS_PER_ROW
"""80 % of the slow model's capacity, in requests a second."""
NAMESPACE = ("unshare", "--pid", "--fork", "--kill-child")
"""Makes the command PID 1 of its own, as in a container."""


def as_pid_1() -> bool:
    """Return whether this machine lets us run something as PID 1."""
    return (
        shutil.which("unshare") is not None
        and subprocess.run([*NAMESPACE, "true"], check=False, capture_output=True).returncode == 0
    )


@pytest.mark.parametrize("prefix", [(), NAMESPACE], ids=["child", "pid-1"])
@pytest.mark.parametrize("keep", [True, False], ids=["keep-alive", "connect-each"])
def test_a_drain_loses_nothing(
    start: Callable[..., Service], faults: Path, prefix: tuple[str, ...], keep: bool
) -> None:
    """At 80 % load each request whose connection was accepted is answered 200, and the exit status is 0."""
    if prefix and not as_pid_1():
        pytest.skip("no PID namespace here")
    service = start(model_store=faults, model="slow", drain_s=DRAIN_S, api_servers=2, prefix=prefix)
    main = service.main.children()[0] if prefix else service.main
    tree = [main, *main.children(recursive=True)]

    async def drain() -> None:
        await asyncio.sleep(1)
        probe = await Connection.connect(service.port)
        assert (await probe.ask(get("/readyz"))).status == 200
        main.send_signal(signal.SIGTERM)
        sent = time.monotonic()
        while (await probe.ask(get("/readyz"))).status == 200:
            assert time.monotonic() - sent < 1
            await asyncio.sleep(0.02)
        probe.close()
        late = await Connection.connect(service.port)
        answer = await late.ask(faulty.request(0))
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert await asyncio.to_thread(service.main.wait, 20) == 0
        assert time.monotonic() - sent >= DRAIN_S

    async def load() -> openloop.Result:
        arrivals = openloop.poisson(LOAD, 4)
        loading = openloop.run(service.port, arrivals, faulty.request, faulty.right, keep=keep)
        result, _ = await asyncio.gather(loading, drain())
        return result

    result = asyncio.run(load())
    assert set(result.counts()) <= {0, 200}, result.report()
    assert not result.wrong()
    # Once the listener is closed nobody is let in; whoever was let in before was answered.
    assert set(result.broken()) <= {"ConnectionRefusedError"}
    _, alive = psutil.wait_procs(tree, 3)
    assert not alive
    with socket.create_server(("127.0.0.1", service.port)):
        pass


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_it_at_once(start: Callable[..., Service], faults: Path, second: int) -> None:
    """Who cannot wait for the drain sends the signal again."""
    service = start(model_store=faults, model="fast", drain_s=60)
    service.main.terminate()
    service.main.terminate()  # at once: timeout sends two, and means one
    first = time.monotonic()
    wait_for(lambda: not service.ready())
    wait_for(lambda: time.monotonic() - first > HURRY_S)
    assert service.predict(ROW).status_code == 200
    sent = time.monotonic()
    assert service.stop(second) == 0
    assert time.monotonic() - sent < 10


def test_a_hangup_after_the_signal_hurries_nothing(start: Callable[..., Service], faults: Path) -> None:
    """A terminal that closes while the service drains means nobody's impatience."""
    service = start(model_store=faults, model="fast", drain_s=2 * HURRY_S)
    first = time.monotonic()
    service.main.terminate()
    wait_for(lambda: time.monotonic() - first > HURRY_S)
    assert service.stop(signal.SIGHUP) == 0
    assert time.monotonic() - first >= 2 * HURRY_S


def test_a_worker_that_dies_in_the_drain_is_not_replaced(start: Callable[..., Service], faults: Path) -> None:
    """The next one would be ready when everything is over."""
    service = start(model_store=faults, model="fast", drain_s=3)
    [worker] = service.workers()
    service.main.terminate()
    wait_for(lambda: not service.ready())
    worker.kill()
    seen = {worker}

    def ended() -> bool:
        if service.main.poll() is not None:
            return True
        seen.update(service.workers())
        return False

    wait_for(ended)
    assert seen == {worker}
    assert service.main.wait() == 0
    assert "starting the next" not in service.log()


def test_what_does_not_end_is_killed(start: Callable[..., Service], faults: Path) -> None:
    """A stopped process heeds no other signal; the main process waits for it, not for ever."""
    service = start(model_store=faults, model="fast", timeout_s=1, api_servers=2)
    service.apis()[0].suspend()
    assert service.stop() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_the_whole_group_drains_as_one_to_main(
    start: Callable[..., Service], faults: Path, number: int
) -> None:
    """A supervisor that signals every process loses no request, and waits no longer."""
    service = start(model_store=faults, model="slow", drain_s=1)
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(service.predict, ROW) for _ in range(40)]
        os.killpg(service.main.pid, number)
        wait_for(lambda: not service.ready())
        asked += [pool.submit(service.predict, ROW) for _ in range(4)]
        assert [answer.result().status_code for answer in asked] == [200] * 44
    assert service.main.wait(20) == 0
    assert "starting the next" not in service.log()
    assert "Traceback" not in service.log()


def test_a_hangup_that_nohup_ignores_is_ignored(start: Callable[..., Service], faults: Path) -> None:
    """Who started it so wants it to outlive the terminal."""
    service = start(model_store=faults, model="fast", prefix=("nohup",))
    os.killpg(service.main.pid, signal.SIGHUP)
    assert service.predict(ROW).status_code == 200
    assert service.ready()
    assert service.stop() == 0


def test_idle_connections_do_not_hold_a_drain(start: Callable[..., Service], faults: Path) -> None:
    """A connection that asks during the drain is answered and told to close; a silent one is closed."""
    service = start(model_store=faults, model="fast", drain_s=1, api_servers=1)

    async def main() -> None:
        silent, asking = [await Connection.connect(service.port) for _ in range(2)]
        for connection in (silent, asking):
            assert (await connection.ask(faulty.request(0))).status == 200
        service.main.terminate()
        await asyncio.to_thread(wait_for, lambda: not service.ready())
        answer = await asking.ask(get("/livez"))
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        with pytest.raises(EOFError):
            await silent.answer()
        silent.close()

    asyncio.run(main())
    assert service.main.wait(10) == 0
