"""Watches the processes: starts dead ones anew, drains on SIGTERM, and never leaves a half-alive service."""

import contextlib
import logging
import signal
import socket
import time
from collections.abc import Callable, Iterator
from multiprocessing import connection, resource_tracker
from pathlib import Path

from service.deployment import Deployment
from service.errors import StartError
from service.host.litserve import Host, Process
from service.http.backlog import turn_away, waiting
from service.lifetime import SIGNALS, Caught
from service.metrics.declared import HostMetrics

POLL_S = 0.05
"""How often what gives no sign is looked at: a worker that starts, and at the end the listener's queue."""
KEEP_S = 1.0
"""How often the run directory is looked at."""
GREETING_BYTES = 4096
FIRST_BACKOFF_S, LONGEST_BACKOFF_S = 0.1, 5.0
EARLY_S, EARLY_DEATHS = 2.0, 5
"""HTTP processes that end so soon after the last one did, so many times in a row, will not get better."""
END_S = 3.0
"""What processes get to end after they were told to, before they are killed."""
HURRY_S = 1.0
"""A signal that comes so long after the first means it; GNU timeout sends two at once."""
SETTLE_S = 0.2
"""A client that has begun to connect gets so long for its last step before the listener closes."""

log = logging.getLogger("logitserve")


class Worker:
    """A worker's slot: its process, and what is known of it."""

    def __init__(self, process: Process) -> None:
        self.process: Process | None = process
        self.ready = False
        self.failures = 0
        self.start_at = 0.0


class Supervisor:
    """Owns the processes of one deployment, from start to exit."""

    def __init__(
        self,
        deployment: Deployment,
        host: Host,
        listener: socket.socket,
        metrics: HostMetrics,
        keep_directory: Callable[[], None],
        signals: Caught,
    ) -> None:
        """`keep_directory` makes the run directory again where it was removed; `signals` fills by itself."""
        self._deployment = deployment
        self._settings = deployment.settings
        self._host = host
        self._listener = listener
        self._metrics = metrics
        self._keep_directory = keep_directory
        self._kept_at = 0.0
        self._kept = True
        self._signals = signals
        self._workers: list[Worker] = []
        self._apis: list[Process] = []
        self._api_deaths = 0
        self._api_died_at = 0.0
        self._started = self._ready_at = time.monotonic()
        self._was_ready = False

    def run(self) -> None:
        """Start everything, watch it until a signal comes, then drain and end it.

        Raises StartError when no worker gets ready in time, or HTTP processes keep ending, and
        KeyboardInterrupt when Ctrl-C comes before the service was ready.
        """
        with _woken_by_signals() as self._awake:
            try:
                with _unsignalled():
                    self._workers = [Worker(process) for process in self._host.start_workers()]
                for slot in range(self._settings.api_servers):
                    self._apis.append(self._start_api(slot))
                self._watch(until=lambda: bool(self._signals))
                self._drain()
            finally:
                self._end()
        if self._signals[0][0] == signal.SIGINT and not self._was_ready:
            raise KeyboardInterrupt

    def _drain(self) -> None:
        """Let balancers notice, then close the listener and wait for what is in flight."""
        settings = self._settings
        self._deployment.start_draining()
        # Ctrl-C has no balancer to wait for, nor has a service that never was ready.
        wait_s = settings.drain_s if self._signals[0][0] != signal.SIGINT and self._was_ready else 0
        if self._was_ready:
            log.info("draining for %g s", wait_s)
        hurried = self._hurried
        self._watch(until=hurried, at_most_s=wait_s)
        turn_away(self._listener)
        self._watch(until=hurried, at_most_s=SETTLE_S)
        closes = time.monotonic() + END_S
        while waiting(self._listener) and time.monotonic() < closes and not hurried():
            self._watch(until=hurried, at_most_s=POLL_S)
        self._listener.close()
        self._deployment.end()
        wait_s = settings.timeout_s + END_S
        self._watch(until=lambda: hurried() or not self._apis, at_most_s=wait_s)

    def _hurried(self) -> bool:
        first = self._signals[0][1]
        return any(at - first >= HURRY_S for number, at in self._signals if number != signal.SIGHUP)

    def _end(self) -> None:
        """End every process that is left: nothing waits for them any more."""
        self._deployment.end()
        deadline = time.monotonic() + END_S
        for process in self._apis:
            process.join(0 if self._signals and self._hurried() else max(0, deadline - time.monotonic()))
        # A worker holds nothing that outlives it.
        workers = [worker.process for worker in self._workers if worker.process is not None]
        for process in [*self._apis, *workers]:
            process.kill()
        for process in [*self._apis, *workers]:
            process.join()

    def _look_after_directory(self) -> None:
        self._kept_at = time.monotonic()
        try:
            self._keep_directory()
        except (OSError, StartError) as error:
            if self._kept:  # once, not each second
                log.warning("the run directory is lost: %s", error)
            self._kept = False
        else:
            self._kept = True

    def _start_api(self, slot: int) -> Process:
        self._look_after_directory()  # a process without its metric files would end at once
        with _unsignalled():
            return self._host.start_api(slot, self._listener)

    def _watch(self, until: Callable[[], bool], at_most_s: float = float("inf")) -> None:
        """Keep the processes running until the condition holds or the time is over."""
        deadline = time.monotonic() + at_most_s
        while True:
            if time.monotonic() - self._kept_at >= KEEP_S:
                self._look_after_directory()
            for slot, worker in enumerate(self._workers):
                self._keep(slot, worker)
            self._check_ready()
            self._replace_apis()
            # After the look: what it finds ended may be what is waited for.
            if until() or (left := deadline - time.monotonic()) <= 0:
                return
            if not self._signals and not all(worker.ready for worker in self._workers):
                left = min(left, POLL_S)
            left = min(left, KEEP_S)
            # Whoever is not yet known to have ended is waited for, dead or not: a death since the look above
            # must end the wait.
            processes = [worker.process for worker in self._workers if worker.process] + self._apis
            sentinels = [process.sentinel for process in processes]
            connection.wait([*sentinels, self._awake], left)
            with contextlib.suppress(BlockingIOError):
                self._awake.recv(64)

    def _keep(self, slot: int, worker: Worker) -> None:
        """Bring one worker's slot a step forward: bury the dead, start the next, see it get ready."""
        if not worker.ready and self._deployment.take_greeted(slot):  # it may be dead since
            self._welcome(slot, worker)
        if worker.process is not None and not worker.process.is_alive():
            self._bury(slot, worker, worker.process)
        if worker.process is None:
            if self._signals or time.monotonic() < worker.start_at:
                return
            with _unsignalled():
                worker.process = self._host.start_worker(slot)
        if not worker.ready and _greets(self._deployment.worker_sockets[slot]):
            self._welcome(slot, worker)

    def _welcome(self, slot: int, worker: Worker) -> None:
        """Take note that a worker is ready."""
        worker.ready, worker.failures = True, 0
        self._metrics.worker_up.labels(str(slot)).set(1)
        self._metrics.model_loads.labels("ok").inc()
        self._metrics.model_load_timestamp.set_to_current_time()
        log.info("worker %d is ready", slot)

    def _bury(self, slot: int, worker: Worker, process: Process) -> None:
        """Take note of a worker's death; a slot that had not got ready waits before its next try."""
        worker.process = None
        code = process.exitcode or 0
        reason = "signal" if code < 0 else "exit"
        self._deployment.take_greeted(slot)
        if self._deployment.take_stuck(slot):
            reason = "stuck"
        said = self._deployment.take_reason(slot) or f"ended with status {code}"
        self._deployment.worker_sockets[slot].unlink(missing_ok=True)
        self._metrics.worker_up.labels(str(slot)).set(0)
        if self._signals:
            worker.ready = False
            return
        if not worker.ready:
            self._metrics.model_loads.labels("failed").inc()
            if not self._was_ready:
                raise StartError(f"worker {slot} could not start: {said}")
            worker.start_at = time.monotonic() + min(LONGEST_BACKOFF_S, FIRST_BACKOFF_S * 2**worker.failures)
            worker.failures += 1
        worker.ready = False
        self._metrics.worker_restarts.labels(reason).inc()
        log.warning("worker %d: %s (%s); starting the next", slot, said, reason)

    def _check_ready(self) -> None:
        now = time.monotonic()
        if any(worker.ready for worker in self._workers):
            if not self._was_ready:
                log.info("ready after %.1f s", now - self._started)
            self._was_ready = True
            self._ready_at = now
        elif not self._signals and now - self._ready_at > self._settings.start_timeout_s:
            raise StartError(f"no worker was ready within {self._settings.start_timeout_s:g} s")

    def _replace_apis(self) -> None:
        if self._listener.fileno() < 0:  # they are told to end
            self._apis = [process for process in self._apis if process.is_alive()]
            return
        for slot, process in enumerate(self._apis):
            if process.is_alive():
                continue
            now = time.monotonic()
            self._api_deaths = self._api_deaths + 1 if now - self._api_died_at < EARLY_S else 1
            self._api_died_at = now
            if self._api_deaths > EARLY_DEATHS:
                raise StartError(f"HTTP processes keep ending, the last with status {process.exitcode}")
            log.warning("HTTP process %d ended with status %s; starting the next", slot, process.exitcode)
            self._apis[slot] = self._start_api(slot)


@contextlib.contextmanager
def _woken_by_signals() -> Iterator[socket.socket]:
    """Yield a socket that becomes readable with each signal."""
    awake, wake = socket.socketpair()
    with awake, wake:
        awake.setblocking(False)
        wake.setblocking(False)
        before = signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
        try:
            yield awake
        finally:
            signal.set_wakeup_fd(before)


@contextlib.contextmanager
def _unsignalled() -> Iterator[None]:
    """Have processes that are started meanwhile never see a signal that main acts on.

    A terminal, or whoever signals a whole group, would else end them under main's hands. Blocked signals
    stay so in a child, from its first instruction on; main gets its own when it is done.
    """
    resource_tracker.ensure_running()  # a spawn would start it, and unblock them
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _greets(path: Path) -> bool:
    """Return whether a worker is ready: then, and not before, it greets whoever connects."""
    with socket.socket(socket.AF_UNIX) as knock:
        knock.settimeout(POLL_S)
        with contextlib.suppress(OSError):  # not there yet, or nobody behind it any more
            knock.connect(str(path))
            # The whole of it: what is left unread would reset the worker's end.
            return bool(knock.recv(GREETING_BYTES))
    return False
