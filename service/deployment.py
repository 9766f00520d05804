"""What the processes of one running service share: settings, the pinned model, the run directory, flags."""

import mmap
import os
from pathlib import Path

from models.repository import Artifact
from service.gate.keys import Keys
from service.run_directory import api_slot, metrics_path, reason_path, socket_path
from service.settings import Settings

DRAINING = 0
"""The first flag; of the others each worker has two."""
GREETED, STUCK = 1, 2
"""What an HTTP process says of a worker: that it is ready, that it was ended because it did not answer."""


class Deployment:
    """One running service, as the main process made it and its children inherit it."""

    def __init__(
        self,
        settings: Settings,
        keys: Keys,
        artifact: Artifact,
        address: str,
        run_dir: Path,
        workers: int,
    ) -> None:
        """`address` is what the service listens on, as numbers."""
        self.settings = settings
        self.keys = keys
        self.artifact = artifact
        self.address = address
        self.main_pid = os.getpid()
        self.run_dir = run_dir
        self.metrics_dir = metrics_path(run_dir)
        self.worker_sockets = [socket_path(run_dir, slot) for slot in range(workers)]
        self.slots = [api_slot(number) for number in range(settings.api_servers)]
        # Anonymous shared memory: a flag set in one process is seen by all in their next request.
        self._flags = mmap.mmap(-1, 1 + 2 * workers)
        self.ending, self._end = os.pipe()

    def end(self) -> None:
        """Tell the HTTP processes to finish: there is something in `ending`, which nobody takes out."""
        os.write(self._end, b"!")

    def draining(self) -> bool:
        """Return whether the service is about to end and should get no new traffic."""
        return self._flags[DRAINING] != 0

    def start_draining(self) -> None:
        """Tell every process."""
        self._flags[DRAINING] = 1

    def mark_greeted(self, worker: int) -> None:
        """Say that the worker in slot `worker` is ready."""
        self._flags[2 * worker + GREETED] = 1

    def take_greeted(self, worker: int) -> bool:
        """Return whether the worker was marked as ready, and take the mark off."""
        return self._take(2 * worker + GREETED)

    def mark_stuck(self, worker: int) -> None:
        """Say that the worker in slot `worker` is being ended because it stopped answering."""
        self._flags[2 * worker + STUCK] = 1

    def take_stuck(self, worker: int) -> bool:
        """Return whether the worker was marked as stuck, and take the mark off."""
        return self._take(2 * worker + STUCK)

    def _take(self, flag: int) -> bool:
        marked = self._flags[flag] != 0
        self._flags[flag] = 0
        return marked

    def take_reason(self, worker: int) -> str | None:
        """Return why the worker said that it could not start, if it did."""
        path = reason_path(self.run_dir, worker)
        if not path.exists():
            return None
        reason = path.read_text()
        path.unlink()
        return reason
