"""The supervisor: replaces, backs off, gives up, drains; over processes and a clock that a test plays."""

import contextlib
import itertools
import logging
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from service.deployment import Deployment
from service.errors import StartError
from service.host import supervisor
from service.host import workers as host_workers
from service.host.supervisor import EARLY_DEATHS, END_S, HURRY_S, Supervisor
from service.host.workers import FIRST_BACKOFF_S, LONGEST_BACKOFF_S, Workers
from service.run_directory import reason_path
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
        self.ends = True
        """Whether processes end when they are asked to."""
        self.lost: Exception | None = None
        made = Settings.model_validate({"api_servers": 2, "drain_s": 0, "timeout_s": 10} | settings)
        self.deployment = Deployment(made, None, None, "127.0.0.1", tmp_path, workers)  # type: ignore[arg-type] # not asked
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
            Workers(self.deployment, self, metrics),  # type: ignore[arg-type] # as above
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


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Scene]]:
    """Set a scene, whose time is the only one."""

    def make(**more: Any) -> Scene:
        scene = Scene(tmp_path, monkeypatch, **more)
        stack.enter_context(scene.listener)
        return scene

    with contextlib.ExitStack() as stack:
        yield make


def test_it_starts_everything_and_ends_it(
    play: Callable[..., Scene], caplog: pytest.LogCaptureFixture
) -> None:
    """A drain: told to balancers, then the listener closes, then nothing is left."""
    one = play(workers=2)
    one.at(1, lambda: one.ready.update({0, 1}))
    one.send(signal.SIGTERM, 3)
    with caplog.at_level(logging.INFO, "logitserve"):
        one.run()
    assert [name for name, _, _ in one.started] == ["api", "api"]
    assert one.counted["up"] == [("0", 1), ("1", 1)]
    assert "ready after 1.0 s" in caplog.text
    assert one.deployment.flags.draining()
    assert one.listener.fileno() == -1
    assert not any(process.is_alive() for process in [*one.apis, *one.workers])
    assert not any(process.killed for process in one.apis)


@pytest.mark.parametrize(("code", "reason"), [(-9, "signal"), (1, "exit")])
def test_a_dead_worker_is_replaced_at_once(play: Callable[..., Scene], code: int, reason: str) -> None:
    """One that was ready has earned it."""
    one = play(workers=2)
    one.at(1, lambda: one.ready.update({0, 1}))
    one.at(2, lambda: one.end_worker(1, code))
    one.send(signal.SIGTERM, 3)
    one.run()
    assert one.started[2:] == [("worker", 1, 1002.0)]
    assert one.counted["restarts"] == [reason]
    assert one.counted["up"] == [("0", 1), ("1", 1), ("1", 0)]


def test_a_stuck_worker_is_told_from_one_that_died(play: Callable[..., Scene]) -> None:
    """An HTTP process ended it, and said so."""
    one = play()
    one.at(1, lambda: one.ready.add(0))
    one.at(2, lambda: (one.deployment.flags.mark_stuck(0), one.end_worker(0, -9)))
    one.send(signal.SIGTERM, 3)
    one.run()
    assert one.counted["restarts"] == ["stuck"]


def test_a_worker_that_anyone_saw_ready_was_ready(play: Callable[..., Scene]) -> None:
    """An HTTP process may hear of it first; its death then is no failed start."""
    one = play()
    one.at(1, lambda: (one.deployment.flags.mark_greeted(0), one.end_worker(0, -9)))
    one.at(2, lambda: one.ready.add(0))
    one.send(signal.SIGTERM, 3)
    one.run()
    assert one.counted["restarts"] == ["signal"]


def test_a_worker_that_cannot_start_ends_the_service(play: Callable[..., Scene], tmp_path: Path) -> None:
    """With what it said; nothing is left."""
    one = play(workers=2)
    reason_path(tmp_path, 1).write_text("the weights differ")
    one.at(1, lambda: one.end_worker(1, 1))
    with pytest.raises(StartError, match="worker 1 could not start: the weights differ"):
        one.run()
    assert not any(process.is_alive() for process in [*one.apis, *one.workers])
    assert one.counted["loads"] == ["failed"]


def test_a_worker_that_fails_again_and_again_is_tried_less_and_less(play: Callable[..., Scene]) -> None:
    """Once the service has been ready it goes on with what it has."""
    one = play(workers=2)
    one.at(1, lambda: one.ready.update({0, 1}))
    one.at(2, lambda: one.end_worker(1, -9))
    for second in range(3, 60):
        one.at(second, lambda: one.end_worker(1, 1))
    one.send(signal.SIGTERM, 60)
    one.run()
    starts = [at for name, _, at in one.started if name == "worker"]
    assert starts[0] == 1002.0
    died = [max(second for second in range(1000, 1061) if second <= at) for at in starts[1:]]
    waits = [at - before for at, before in zip(starts[1:], died, strict=True)]
    assert waits[0] == pytest.approx(FIRST_BACKOFF_S, abs=0.06)
    assert max(at - before for before, at in itertools.pairwise(starts)) <= LONGEST_BACKOFF_S + 1.1


def test_no_worker_in_time_ends_the_service(play: Callable[..., Scene]) -> None:
    """At the start, and later too."""
    one = play(start_timeout_s=20)
    with pytest.raises(StartError, match="no worker was ready within 20 s"):
        one.run()
    assert 20 < one.now - 1000 < 20 + 2 * END_S


def test_a_dead_http_process_is_replaced(play: Callable[..., Scene]) -> None:
    """In its slot, whose metrics it goes on with."""
    one = play()
    one.at(1, lambda: one.ready.add(0))
    one.at(2, lambda: setattr(one.apis[1], "exitcode", -11))
    one.send(signal.SIGTERM, 3)
    one.run()
    assert one.started[2:] == [("api", 1, 1002.0)]


def test_http_processes_that_keep_ending_end_the_service(play: Callable[..., Scene]) -> None:
    """They will not get better."""
    one = play()
    one.at(1, lambda: one.ready.add(0))
    for number in range(EARLY_DEATHS + 1):
        one.at(2 + number, lambda: setattr(one.apis[0], "exitcode", 3))
    with pytest.raises(StartError, match="HTTP processes keep ending, the last with status 3"):
        one.run()


def test_nothing_is_started_in_a_drain(play: Callable[..., Scene]) -> None:
    """What dies then stays dead."""
    one = play(drain_s=5)
    one.at(1, lambda: one.ready.add(0))
    one.send(signal.SIGTERM, 2)
    one.at(3, lambda: one.end_worker(0, -9))
    one.run()
    assert len(one.started) == 2
    assert one.counted["restarts"] == []
    assert one.now >= 1007


@pytest.mark.parametrize(
    ("second", "after_s", "hurries"),
    [
        (signal.SIGTERM, HURRY_S, True),
        (signal.SIGINT, HURRY_S, True),
        (signal.SIGTERM, 0.1, False),
        (signal.SIGHUP, HURRY_S, False),
    ],
)
def test_a_second_signal_means_it(
    play: Callable[..., Scene], second: int, after_s: float, *, hurries: bool
) -> None:
    """Unless it comes with the first, as of GNU timeout, or is a hangup."""
    one = play(drain_s=30)
    one.ends = False
    one.at(1, lambda: one.ready.add(0))
    one.send(signal.SIGTERM, 2)
    one.send(second, 2 + after_s)
    one.run()
    assert (one.now - 1000 < 2 + after_s + 1) is hurries
    assert all(process.killed for process in one.apis)


def test_what_does_not_end_is_killed(play: Callable[..., Scene]) -> None:
    """After the longest that a request may take, and not before."""
    one = play(timeout_s=7)
    one.ends = False
    one.at(1, lambda: one.ready.add(0))
    one.send(signal.SIGTERM, 2)
    one.run()
    assert all(process.killed for process in [*one.apis, *one.workers])
    assert 7 <= one.now - 1002 <= 7 + 4 * END_S


def test_ctrl_c_before_it_was_ready_is_told(play: Callable[..., Scene]) -> None:
    """There is nobody to drain for."""
    one = play(drain_s=30)
    one.send(signal.SIGINT, 1)
    with pytest.raises(KeyboardInterrupt):
        one.run()
    assert one.now - 1000 < 1 + END_S
    assert not any(process.is_alive() for process in [*one.apis, *one.workers])


def test_a_lost_run_directory_is_told_once(
    play: Callable[..., Scene], caplog: pytest.LogCaptureFixture
) -> None:
    """Not each second; and again when it is lost again."""
    one = play()
    one.at(1, lambda: one.ready.add(0))
    one.at(2, lambda: setattr(one, "lost", OSError("gone")))
    one.at(12, lambda: setattr(one, "lost", None))
    one.at(22, lambda: setattr(one, "lost", OSError("gone")))
    one.send(signal.SIGTERM, 32)
    one.run()
    assert caplog.text.count("the run directory is lost: gone") == 2


def test_children_never_see_the_signals_that_main_acts_on(
    play: Callable[..., Scene], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are blocked while one is started, and only then."""
    one = play()
    seen = []
    real = one.start_api

    def start_api(slot: int, listener: socket.socket) -> Process:
        seen.append(signal.pthread_sigmask(signal.SIG_BLOCK, ()))
        return real(slot, listener)

    monkeypatch.setattr(one, "start_api", start_api)
    one.at(1, lambda: one.ready.add(0))
    one.send(signal.SIGTERM, 2)
    one.run()
    assert len(seen) == 2
    assert all({signal.SIGTERM, signal.SIGINT, signal.SIGHUP} <= blocked for blocked in seen)
    assert signal.SIGTERM not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
