"""The workers of one service, each in its slot: started, seen to get ready, buried, and started anew."""

import contextlib
import logging
import socket
import time
from pathlib import Path

from service.deployment import Deployment
from service.errors import StartError
from service.host.conductor import Conductor
from service.host.litserve import Host, Process
from service.lifetime import unsignalled
from service.metrics.declared import HostMetrics
from service.run_directory import take_reason

FIRST_BACKOFF_S, LONGEST_BACKOFF_S = 0.1, 5.0
KNOCK_S = 0.05
GREETING_BYTES = 4096

log = logging.getLogger("logitserve")


class Slot:
    """A worker's place: its process, and what is known of it."""

    def __init__(self, process: Process) -> None:
        self.process: Process | None = process
        self.ready = False
        self.failures = 0
        self.start_at = 0.0


class Workers:
    """All of them; nothing happens but in `start` and `look`."""

    def __init__(
        self, deployment: Deployment, host: Host, metrics: HostMetrics, conductor: Conductor
    ) -> None:
        self._deployment = deployment
        self._flags = deployment.flags
        self._host = host
        self._metrics = metrics
        self._conductor = conductor
        self._slots: list[Slot] = []
        self._started = self._ready_at = time.monotonic()
        self.was_ready = False
        """Whether one ever was, which makes the service ready."""

    @property
    def all_ready(self) -> bool:
        """Whether there is none to wait for."""
        return all(slot.ready for slot in self._slots)

    @property
    def processes(self) -> list[Process]:
        """Those that are not known to have ended."""
        return [slot.process for slot in self._slots if slot.process is not None]

    def start(self) -> None:
        """Start them all."""
        with unsignalled():
            self._slots = [Slot(process) for process in self._host.start_workers()]

    def look(self, *, ending: bool) -> None:
        """Bring each slot a step forward; when the service is `ending`, nothing is started any more.

        Raises StartError when one could not start before any was ready, or none is ready for too long.
        """
        for worker, slot in enumerate(self._slots):
            self._keep(worker, slot, ending=ending)
        now = time.monotonic()
        timeout_s = self._deployment.settings.start_timeout_s
        if any(slot.ready for slot in self._slots):
            if not self.was_ready:
                log.info("ready after %.1f s", now - self._started)
            self.was_ready = True
            self._ready_at = now
        elif not ending and now - self._ready_at > timeout_s:
            raise StartError(f"no worker was ready within {timeout_s:g} s")

    def _keep(self, worker: int, slot: Slot, *, ending: bool) -> None:
        """Bury the dead, start the next, see it get ready."""
        if not slot.ready and self._flags.take_greeted(worker):  # it may be dead since
            self._welcome(worker, slot)
        if slot.process is not None and not slot.process.is_alive():
            self._bury(worker, slot, slot.process, ending=ending)
        if slot.process is None:
            if ending or time.monotonic() < slot.start_at:
                return
            with unsignalled():
                slot.process = self._host.start_worker(worker)
        if not slot.ready and greets(self._deployment.worker_sockets[worker]):
            self._welcome(worker, slot)

    def _welcome(self, worker: int, slot: Slot) -> None:
        """Take note that a worker is ready."""
        slot.ready, slot.failures = True, 0
        self._metrics.worker_up.labels(str(worker)).set(1)
        self._metrics.model_loads.labels("ok").inc()
        self._metrics.model_load_timestamp.set_to_current_time()
        log.info("worker %d is ready", worker)
        self._conductor.worker_up(worker)

    def _bury(self, worker: int, slot: Slot, process: Process, *, ending: bool) -> None:
        """Take note of a worker's death; a slot that had not got ready waits before its next try."""
        slot.process = None
        self._conductor.worker_down(worker)
        code = process.exitcode or 0
        reason = "signal" if code < 0 else "exit"
        self._flags.take_greeted(worker)
        if self._flags.take_stuck(worker):
            reason = "stuck"
        said = take_reason(self._deployment.run_dir, worker) or f"ended with status {code}"
        self._deployment.worker_sockets[worker].unlink(missing_ok=True)
        self._metrics.worker_up.labels(str(worker)).set(0)
        was_ready, slot.ready = slot.ready, False
        if ending:
            return
        if not was_ready:
            self._metrics.model_loads.labels("failed").inc()
            if not self.was_ready:
                raise StartError(f"worker {worker} could not start: {said}")
            slot.start_at = time.monotonic() + min(LONGEST_BACKOFF_S, FIRST_BACKOFF_S * 2**slot.failures)
            slot.failures += 1
        self._metrics.worker_restarts.labels(reason).inc()
        log.warning("worker %d: %s (%s); starting the next", worker, said, reason)


def greets(path: Path) -> bool:
    """Return whether a worker is ready: then, and not before, it greets whoever connects."""
    with socket.socket(socket.AF_UNIX) as knock:
        knock.settimeout(KNOCK_S)
        with contextlib.suppress(OSError):  # not there yet, or nobody behind it any more
            knock.connect(str(path))
            # The whole of it: what is left unread would reset the worker's end.
            return bool(knock.recv(GREETING_BYTES))
    return False
