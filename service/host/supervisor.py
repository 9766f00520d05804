"""Watches the processes: starts dead ones anew, drains on SIGTERM, and never leaves a half-alive service."""

import contextlib
import logging
import signal
import socket
import time
from collections.abc import Callable
from multiprocessing import connection

from service.backlog import turn_away, waiting
from service.deployment import Deployment
from service.errors import StartError
from service.host.conductor import Conductor
from service.host.litserve import Host, Process
from service.host.workers import Workers
from service.lifetime import Caught, unsignalled, woken_by_signals
from service.settings import Settings

POLL_S = 0.05
"""How often what gives no sign is looked at: a worker that starts, and at the end the listener's queue."""
KEEP_S = 1.0
"""How often the run directory is looked at."""
EARLY_S, EARLY_DEATHS = 2.0, 5
"""HTTP processes that end so soon after the last one did, so many times in a row, will not get better."""
END_S = 3.0
"""What each of three steps of the end may take: the queue's, the last answers', and that of the processes."""
HURRY_S = 1.0
"""A signal that comes so long after the first means it; GNU timeout sends two at once."""
SETTLE_S = 0.2
"""A client that has begun to connect gets so long for its last step before the listener closes."""

log = logging.getLogger("logitserve")


def longest_end_s(settings: Settings) -> float:
    """Return the seconds from a signal to the last kill when nothing ends by itself."""
    return settings.drain_s + SETTLE_S + END_S + settings.timeout_s + END_S + END_S


class Supervisor:
    """Owns the processes of one deployment, from start to exit."""

    def __init__(
        self,
        deployment: Deployment,
        host: Host,
        workers: Workers,
        conductor: Conductor,
        listener: socket.socket,
        keep_directory: Callable[[], None],
        signals: Caught,
    ) -> None:
        """`keep_directory` makes the run directory again where it was removed; `signals` fills by itself."""
        self._deployment = deployment
        self._settings = deployment.settings
        self._host = host
        self._workers = workers
        self._conductor = conductor
        self._listener = listener
        self._keep_directory = keep_directory
        self._kept_at = 0.0
        self._kept = True
        self._signals = signals
        self._apis: list[Process] = []
        self._api_deaths = 0
        self._api_died_at = 0.0

    def run(self) -> None:
        """Start everything, watch it until a signal comes, then drain and end it.

        Raises StartError when no worker gets ready in time, or HTTP processes keep ending, and
        KeyboardInterrupt when Ctrl-C comes before the service was ready.
        """
        with woken_by_signals() as self._awake:
            try:
                self._workers.start()
                for slot in range(self._settings.api_servers):
                    self._apis.append(self._start_api(slot))
                self._watch(until=lambda: bool(self._signals))
                self._drain()
            finally:
                self._end()
        if self._signals[0][0] == signal.SIGINT and not self._workers.was_ready:
            raise KeyboardInterrupt

    def _drain(self) -> None:
        """Let balancers notice, then close the listener and wait for what is in flight."""
        settings, was_ready = self._settings, self._workers.was_ready
        self._deployment.flags.start_draining()
        # Ctrl-C has no balancer to wait for, nor has a service that never was ready.
        wait_s = settings.drain_s if self._signals[0][0] != signal.SIGINT and was_ready else 0
        if was_ready:
            log.info("draining for %g s", wait_s)
        hurried = self._hurried
        self._watch(until=hurried, at_most_s=wait_s)
        turn_away(self._listener)
        self._watch(until=hurried, at_most_s=SETTLE_S)
        closes = time.monotonic() + END_S
        while waiting(self._listener) and time.monotonic() < closes and not hurried():
            self._watch(until=hurried, at_most_s=POLL_S)
        self._listener.close()
        self._deployment.ending.tell()
        wait_s = settings.timeout_s + END_S
        self._watch(until=lambda: hurried() or not self._apis, at_most_s=wait_s)

    def _hurried(self) -> bool:
        first = self._signals[0][1]
        return any(at - first >= HURRY_S for number, at in self._signals if number != signal.SIGHUP)

    def _end(self) -> None:
        """End every process that is left: nothing waits for them any more."""
        self._deployment.ending.tell()
        deadline = time.monotonic() + END_S
        for process in self._apis:
            process.join(0 if self._signals and self._hurried() else max(0, deadline - time.monotonic()))
        self._conductor.end()
        left = self._apis + self._workers.processes  # a worker holds nothing that outlives it
        for process in left:
            process.kill()
        for process in left:
            process.join()

    def _look_after_directory(self) -> None:
        self._kept_at = time.monotonic()
        try:
            self._keep_directory()
            self._conductor.keep()
        except (OSError, StartError) as error:
            if self._kept:  # once, not each second
                log.warning("the run directory is lost: %s", error)
            self._kept = False
        else:
            self._kept = True

    def _start_api(self, slot: int) -> Process:
        self._look_after_directory()  # a process without its metric files would end at once
        with unsignalled():
            return self._host.start_api(slot, self._listener)

    def _watch(self, until: Callable[[], bool], at_most_s: float = float("inf")) -> None:
        """Keep the processes running until the condition holds or the time is over."""
        deadline = time.monotonic() + at_most_s
        while True:
            if time.monotonic() - self._kept_at >= KEEP_S:
                self._look_after_directory()
            self._workers.look(ending=bool(self._signals))
            self._replace_apis()
            self._conductor.look()
            # After the look: what it finds ended may be what is waited for.
            if until() or (left := deadline - time.monotonic()) <= 0:
                return
            if not self._signals and not self._workers.all_ready:
                left = min(left, POLL_S)
            left = min(left, KEEP_S)
            # Whoever is not yet known to have ended is waited for, dead or not: a death since the look above
            # must end the wait.
            sentinels = [process.sentinel for process in self._workers.processes + self._apis]
            connection.wait([*sentinels, self._awake, *self._conductor.sources()], left)
            with contextlib.suppress(BlockingIOError):
                self._awake.recv(64)

    def _replace_apis(self) -> None:
        if self._listener.fileno() < 0:  # they are told to end
            self._apis = [process for process in self._apis if process.is_alive()]
            return
        for slot, process in enumerate(self._apis):
            if process.is_alive():
                continue
            self._conductor.process_down(slot)
            now = time.monotonic()
            self._api_deaths = self._api_deaths + 1 if now - self._api_died_at < EARLY_S else 1
            self._api_died_at = now
            if self._api_deaths > EARLY_DEATHS:
                raise StartError(f"HTTP processes keep ending, the last with status {process.exitcode}")
            log.warning("HTTP process %d ended with status %s; starting the next", slot, process.exitcode)
            self._apis[slot] = self._start_api(slot)
