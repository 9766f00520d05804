"""A service whose processes and clock a test plays."""

import itertools
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from service.deployment import Deployment
from service.host import supervisor
from service.host import workers as host_workers
from service.host.supervisor import Supervisor
from service.host.workers import Workers
from service.settings import Settings

Step = Callable[[], object]


class Process:
    """What the supervisor sees of a process."""

    numbers = itertools.count(1)

    def __init__(self, scene: "Scene") -> None:
        self.pid = next(self.numbers)
        self.exitcode: int | None = None
        self.sentinel = -1
        self.killed = False
        self._scene = scene

    def is_alive(self) -> bool:
        return self.exitcode is None

    def kill(self) -> None:
        if self.exitcode is None:
            self.killed, self.exitcode = True, -signal.SIGKILL

    def join(self, timeout: float | None = None) -> None:
        """Wait for its end; one that does not end takes the whole time."""
        if self.exitcode is None and self._scene.ends:
            self.exitcode = 0
        if self.exitcode is None and timeout:
            self._scene.now += timeout


class Scene:
    """A service of two HTTP processes and workers as wanted, whose time passes only while it waits."""

    def __init__(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int = 1, **settings: Any
    ) -> None:
        self.now = 1000.0
        self.steps: list[tuple[float, Step]] = []
        self.signals: list[tuple[int, float]] = []
        self.ready: set[int] = set()
        self.workers: list[Process] = []
        self.apis: list[Process] = []
        self.started: list[tuple[str, int, float]] = []
        self.heard: list[tuple[str, int]] = []
        """What the conductor was told."""
        self.ends = True
        """Whether processes end when they are asked to."""
        self.lost: Exception | None = None
        made = Settings.model_validate({"api_servers": 2, "drain_s": 0, "timeout_s": 10} | settings)
        self.deployment = Deployment(made, None, "127.0.0.1", tmp_path, workers)  # type: ignore[arg-type] # not asked
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.counted: dict[str, list[Any]] = {"restarts": [], "loads": [], "up": []}
        metrics = SimpleNamespace(
            worker_up=self._counter("up"),
            worker_restarts=self._counter("restarts"),
            model_loads=self._counter("loads"),
            model_load_timestamp=SimpleNamespace(set_to_current_time=lambda: None),
        )
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        self.supervisor = Supervisor(
            self.deployment,
            self,  # type: ignore[arg-type] # as the host
            Workers(self.deployment, self, metrics, self),  # type: ignore[arg-type] # as above, and as the conductor
            self,  # type: ignore[arg-type] # as the conductor
            self.listener,
            self.keep,
            self.signals,
        )
        monkeypatch.setattr(supervisor.connection, "wait", self.wait)
        monkeypatch.setattr(host_workers, "greets", lambda path: int(path.stem.split("-")[1]) in self.ready)

    def _counter(self, name: str) -> Any:
        def labels(label: str) -> Any:
            keep = self.counted[name].append
            return SimpleNamespace(inc=lambda: keep(label), set=lambda value: keep((label, value)))

        return SimpleNamespace(labels=labels)

    # What it asks of the host

    def start_workers(self) -> list[Process]:
        self.workers = [Process(self) for _ in self.deployment.worker_sockets]
        return list(self.workers)

    def start_worker(self, slot: int) -> Process:
        self.started.append(("worker", slot, self.now))
        self.workers[slot] = Process(self)
        return self.workers[slot]

    def start_api(self, slot: int, _: socket.socket) -> Process:
        self.started.append(("api", slot, self.now))
        process = Process(self)
        self.apis[slot : slot + 1] = [process]
        return process

    def keep(self) -> None:
        if self.lost is not None:
            raise self.lost

    # What it tells the conductor

    def look(self) -> None:
        """Hear nobody."""

    def sources(self) -> list[Any]:
        return []

    def end(self) -> None:
        """End no librarian."""

    def worker_up(self, worker: int) -> None:
        self.heard.append(("worker up", worker))

    def worker_down(self, worker: int) -> None:
        self.heard.append(("worker down", worker))

    def process_down(self, slot: int) -> None:
        self.heard.append(("process down", slot))

    # What a test plays

    def at(self, seconds: float, step: Step) -> None:
        """Have `step` happen so many seconds after the start."""
        self.steps.append((1000.0 + seconds, step))
        self.steps.sort(key=lambda each: each[0])

    def send(self, number: int, at: float) -> None:
        """Send a signal to the main process."""
        self.at(at, lambda: self.signals.append((number, self.now)))

    def end_worker(self, slot: int, code: int) -> None:
        """End a worker; the next one is not ready before it is said."""
        self.ready.discard(slot)
        self.workers[slot].exitcode = code

    def wait(self, _: object, timeout: float) -> None:
        """Wait for the next step, at most so long."""
        until = self.now + timeout
        if self.steps and self.steps[0][0] <= until:
            self.now, step = self.steps.pop(0)
            step()
        else:
            self.now = until
        if self.listener.fileno() < 0 and self.ends:  # as they are told with the listener
            for process in self.apis:
                process.join()

    def run(self) -> None:
        """Run the service to its end."""
        self.supervisor.run()
