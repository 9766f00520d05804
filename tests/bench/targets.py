"""The servers under measurement: starts one, tells its cost by process, ends it. Knows nothing of load."""

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, repeat
from pathlib import Path
from typing import IO

import psutil

from tests.bench import peers
from tests.bench.workloads import Workload

ROOT = Path(__file__).parents[2]
START_S = 60  # as long as the service itself may take
STOP_S = 10
BUSY_PERCENT = 50  # of a core: importing takes twice that, LitServe's polling a third


@dataclass(frozen=True)
class Target:
    """How Python is told to serve on `{port}` or SERVICE_PORT, and its child processes as they start."""

    arguments: str
    children: tuple[str, ...]
    python: str | Path = sys.executable


# uvicorn takes uvloop and httptools by itself where they are installed, as here.
UVICORN = "-m uvicorn --workers 2 --port {port} --no-access-log --log-level warning "
TARGETS = {
    "limit": Target(
        UVICORN + "--no-server-header --no-date-header --lifespan off tests.bench.echo:app",
        ("tracker", "api", "api"),
    ),
    "fastapi": Target(UVICORN + "--factory tests.bench.fastapi_inline:create_app", ("tracker", "api", "api")),
    "granian": Target(
        "-m granian --interface asgi --workers 2 --port {port} --log-level warning tests.bench.by_hand:app",
        ("api", "api"),
        peers.PYTHON,
    ),
    "mosec": Target("-m tests.bench.mosec_server --port {port}", ("tracker", "api", "worker"), peers.PYTHON),
    "triton": Target("-m tests.bench.triton_server --port {port}", ("worker",), peers.PYTHON),
    "litserve": Target("-m tests.bench.stock_litserve", ("manager", "tracker", "worker", "api", "api")),
    "logitserve": Target("-m service", ("tracker", "worker", "api", "api")),
}


@dataclass(frozen=True)
class Server:
    """A target that answers."""

    port: int
    ready_s: float
    processes: tuple[tuple[str, psutil.Process], ...]

    def cpu_s(self) -> Counter[str]:
        """Count the CPU seconds, user and system, that the processes of each role have used so far."""
        used: Counter[str] = Counter()
        for role, process in self.processes:
            times = process.cpu_times()
            used[role] += times.user + times.system
        return used

    def cpu_share(self, seconds: float) -> float:
        """Wait `seconds` and tell what the processes used meanwhile, in percent of one core."""
        before = self.cpu_s().total()
        time.sleep(seconds)
        return 100 * (self.cpu_s().total() - before) / seconds

    def memory_bytes(self) -> int:
        """Sum the processes' memory, a page that several share counted once (PSS)."""
        return sum(process.memory_full_info().pss for _, process in self.processes)


@contextlib.contextmanager
def serve(name: str, store: Path, probe: Workload) -> Iterator[Server]:
    """Start a target in a process group of its own, wait until it answers the probe, and end it after use.

    Raises RuntimeError with the end of the server's output if it exits or does not answer in time.
    """
    target = TARGETS[name]
    port = _free_port()
    settings = {"PORT": str(port), "MODEL_STORE": str(store), "LOG_LEVEL": "warning", "DRAIN_S": "0"}
    with tempfile.TemporaryFile() as log:
        begun = time.perf_counter()
        root = subprocess.Popen(
            [target.python, *target.arguments.format(port=port).split()],
            cwd=ROOT,
            env=os.environ | {f"SERVICE_{key}": value for key, value in settings.items()},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            while not _answers(port, probe):
                if root.poll() is not None or time.perf_counter() - begun > START_S:
                    raise RuntimeError(f"{name} did not start:\n{_tail(log)}")
                time.sleep(0.01)
            ready_s = time.perf_counter() - begun
            yield _settled(port, ready_s, psutil.Process(root.pid), target.children)
        finally:
            _end(root)


def _settled(port: int, ready_s: float, root: psutil.Process, names: tuple[str, ...]) -> Server:
    """Wait until a server's other processes have started too: until half a core is free, at most 3 s."""
    for _ in range(10):
        children = sorted(root.children(recursive=True), key=psutil.Process.create_time)
        roles = chain(names, repeat("other"))
        server = Server(port, ready_s, (("main", root), *zip(roles, children, strict=False)))
        if server.cpu_share(0.3) < BUSY_PERCENT:
            break
    return server


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def _answers(port: int, probe: Workload) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request(probe.method, probe.path, probe.bodies[0], dict(probe.headers))
        return connection.getresponse().status == http.HTTPStatus.OK
    except OSError:  # refused while it starts
        return False
    finally:
        connection.close()


def _end(root: subprocess.Popen[bytes]) -> None:
    root.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        root.wait(STOP_S)
    end = time.perf_counter() + STOP_S
    with contextlib.suppress(ProcessLookupError):  # nothing is left of the group
        while time.perf_counter() < end:
            os.killpg(root.pid, signal.SIGKILL)
            root.poll()  # a process that nobody waits for stays in its group
            time.sleep(0.01)


def _tail(log: IO[bytes]) -> str:
    log.seek(0)
    return log.read().decode(errors="replace")[-2000:]
