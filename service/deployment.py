"""What the processes of one running service share: settings, the pinned model, the run directory, flags."""

import contextlib
import fcntl
import mmap
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from models.repository import Artifact
from service.errors import StartError
from service.keys import Keys
from service.settings import Settings

MAX_SOCKET_PATH_BYTES = 107
"""The kernel's limit for the path of a local socket, less the terminating zero."""
DRAINING = 0
"""The first flag; the others are the workers', set when an HTTP process ends one that is stuck."""


class Deployment:
    """One running service, as the main process made it and its children inherit it."""

    def __init__(
        self, settings: Settings, keys: Keys, artifact: Artifact, run_dir: Path, workers: int
    ) -> None:
        self.settings = settings
        self.keys = keys
        self.artifact = artifact
        self.main_pid = os.getpid()
        self.run_dir = run_dir
        self.metrics_dir = run_dir / "metrics"
        self.worker_sockets = [run_dir / f"worker-{slot}.sock" for slot in range(workers)]
        self.slots = [f"api-{slot}" for slot in range(settings.api_servers)]
        # Anonymous shared memory: a flag set in one process is seen by all in their next request.
        self._flags = mmap.mmap(-1, 1 + workers)

    def draining(self) -> bool:
        """Return whether the service is about to end and should get no new traffic."""
        return self._flags[DRAINING] != 0

    def start_draining(self) -> None:
        """Tell every process."""
        self._flags[DRAINING] = 1

    def mark_stuck(self, worker: int) -> None:
        """Say that the worker in slot `worker` is being ended because it stopped answering."""
        self._flags[1 + worker] = 1

    def take_stuck(self, worker: int) -> bool:
        """Return whether the worker was marked, and take the mark off."""
        marked = self._flags[1 + worker] != 0
        self._flags[1 + worker] = 0
        return marked

    def take_reason(self, worker: int) -> str | None:
        """Return why the worker said that it could not start, if it did."""
        path = reason_path(self.run_dir, worker)
        if not path.exists():
            return None
        reason = path.read_text()
        path.unlink()
        return reason


def reason_path(run_dir: Path, worker: int) -> Path:
    """Return where a worker that cannot start says why."""
    return run_dir / f"worker-{worker}.reason"


@contextlib.contextmanager
def run_directory(settings: Settings, longest_name: str) -> Iterator[Path]:
    """Yield a private directory for sockets and metric files, emptied of what an earlier run left.

    Raises StartError when it cannot be written, is in use, or makes socket paths too long.
    """
    with contextlib.ExitStack() as stack:
        try:
            if settings.run_dir is None:
                path = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="logitserve-")))
            else:
                path = settings.run_dir.absolute()
                path.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = stack.enter_context((path / "lock").open("w"))
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            (path / "metrics").mkdir(exist_ok=True)
            for stale in [*path.glob("worker-*"), *(path / "metrics").glob("*.db")]:
                stale.unlink()
        except BlockingIOError:
            raise StartError(f"SERVICE_RUN_DIR={path}: another service is using it") from None
        except OSError as error:
            raise StartError(
                f"SERVICE_RUN_DIR={settings.run_dir or error.filename}: {error.strerror}"
            ) from None
        if len(os.fsencode(path / longest_name)) > MAX_SOCKET_PATH_BYTES:
            raise StartError(f"SERVICE_RUN_DIR={path}: wanted a shorter path, for the sockets in it")
        yield path
