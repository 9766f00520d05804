"""What the processes of one running service share: settings, the pinned model, the run directory, flags."""

import contextlib
import fcntl
import mmap
import os
import re
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from models.repository import Artifact
from service.errors import StartError
from service.keys import Keys
from service.settings import Settings

MAX_SOCKET_PATH_BYTES = 107
"""The kernel's limit for the path of a local socket, less the terminating zero."""
MARKER = ".logitserve"
"""Says that a run directory was made, or taken empty, by this service."""
OWN_FILE = re.compile(r"worker-[0-9]+\.(sock|reason)")
OWN_METRICS = re.compile(r"[a-z_]+_(main|api-[0-9]+)\.db")
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
        self.ending, self._end = os.pipe()

    def end(self) -> None:
        """Tell the HTTP processes to finish: `ending`, which each of them follows, is at its end."""
        if self._end >= 0:
            os.close(self._end)
            self._end = -1

    def follow(self) -> None:
        """In an HTTP process: hold the reading end of `ending` alone, or it would have no end."""
        self.end()

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

    Raises StartError when it cannot be written, is in use or somebody else's, holds files that are not
    ours, or makes socket paths too long.
    """
    with contextlib.ExitStack() as stack:
        try:
            if settings.run_dir is None:
                path = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="logitserve-")))
            else:
                path = settings.run_dir.absolute()
                path.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            stack.callback(os.close, folder)
            # On the folder itself: whoever cleans up temporary folders passes over one that is locked so.
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _claim(folder)
            (path / "metrics").mkdir(exist_ok=True)
        except BlockingIOError:
            raise StartError(f"SERVICE_RUN_DIR={path}: another service is using it") from None
        except _NotOursError as error:
            raise StartError(f"SERVICE_RUN_DIR={path}: {error}") from None
        except OSError as error:
            raise StartError(
                f"SERVICE_RUN_DIR={settings.run_dir or error.filename}: {error.strerror}"
            ) from None
        if len(os.fsencode(path / longest_name)) > MAX_SOCKET_PATH_BYTES:
            raise StartError(f"SERVICE_RUN_DIR={path}: wanted a shorter path, for the sockets in it")
        yield path


class _NotOursError(Exception):
    """The folder, or something in it, is not this service's to use."""


def _claim(folder: int) -> None:
    """Make the open `folder` ours, and delete what an earlier run of ours left in it, by its exact names.

    Raises _NotOursError unless it is this user's alone, and either empty or marked by an earlier run.
    """
    _check_owned(os.fstat(folder))
    names = os.listdir(folder)
    if MARKER in names:
        marker = os.stat(MARKER, dir_fd=folder, follow_symlinks=False)
        if not stat.S_ISREG(marker.st_mode) or marker.st_uid != os.geteuid():
            raise _NotOursError(f"{MARKER} in it is not this service's")
    elif names:
        raise _NotOursError(f"wanted an empty folder, or one of an earlier run; it holds {min(names)!a}")
    else:
        os.close(os.open(MARKER, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600, dir_fd=folder))
    for name in filter(OWN_FILE.fullmatch, names):
        os.unlink(name, dir_fd=folder)
    if "metrics" in names:
        inner = os.open("metrics", os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
        try:
            _check_owned(os.fstat(inner))
            for name in filter(OWN_METRICS.fullmatch, os.listdir(inner)):  # noqa: PTH208 - pathlib knows no descriptors
                os.unlink(name, dir_fd=inner)
        finally:
            os.close(inner)


def _check_owned(found: os.stat_result) -> None:
    if found.st_uid != os.geteuid():
        raise _NotOursError("it belongs to another user")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise _NotOursError("others may write in it; a folder inside it, which the service makes, will do")
