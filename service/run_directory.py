"""The run directory: made or claimed, locked, and kept while cleaners of old files go about.

Knows nothing of what its files are for but their names, which all stand here: nothing else in it is ever
deleted.
"""

import contextlib
import fcntl
import os
import re
import secrets
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from models.artifact import MANIFEST
from models.manifest import FILES
from service.errors import StartError

MAX_SOCKET_PATH_BYTES = 107
"""The kernel's limit for the path of a local socket, less the terminating zero."""
MARKER = ".logitserve"
"""Says that a run directory was made, or taken empty, by this service."""
METRICS = "metrics"
MODELS = "models"
SEEN = "feedback.db"
OWN_FILE = re.compile(rf"worker-[0-9]+\.(sock|reason)|{re.escape(SEEN)}(-journal|-wal|-shm)?")
OWN_METRICS = re.compile(
    r"([a-z_]+_(main|api-[0-9]+)(\.versions)?\.db|drift-[0-9]+\.[0-9a-f]{64}\.totals)(\.draft)?"
)
DRAFT = ".stage-"
"""How the names begin of what is being copied, written or removed there."""
OWN_TABLE = re.compile(rf"({re.escape(DRAFT)})?table-[0-9]+\.json")
OWN_VERSION = re.compile(rf"[0-9a-f]{{64}}|{re.escape(DRAFT)}[0-9a-f]{{16}}")
IN_VERSION = frozenset({MANIFEST, *FILES})
MAIN = "main"
"""The slot of the main process, whose metric files are named by it."""


def api_slot(number: int) -> str:
    """Return the slot of an HTTP process, whose metric files are named by it."""
    return f"api-{number}"


def socket_path(directory: Path, worker: int) -> Path:
    """Return where the worker of a slot listens."""
    return directory / f"worker-{worker}.sock"


def reason_path(directory: Path, worker: int) -> Path:
    """Return where a worker that cannot start says why."""
    return directory / f"worker-{worker}.reason"


def take_reason(directory: Path, worker: int) -> str | None:
    """Return why the worker said that it could not start, if it did, and forget it."""
    path = reason_path(directory, worker)
    if not path.exists():
        return None
    reason = path.read_text()
    path.unlink()
    return reason


def seen_path(directory: Path) -> Path:
    """Return where the tokens are remembered that brought a label; SQLite has files of its own beside it."""
    return directory / SEEN


def metrics_path(directory: Path) -> Path:
    """Return where the metric files of all processes are."""
    return directory / METRICS


def drift_path(metrics: Path, worker: int, digest: str) -> Path:
    """Return where the worker of a slot counts the rows of a version."""
    return metrics / f"drift-{worker}.{digest}.totals"


def drift_paths(metrics: Path) -> list[Path]:
    """Return the files of all workers and versions that are there."""
    return sorted(metrics.glob("drift-*.totals"))


def models_path(directory: Path) -> Path:
    """Return where the copies of versions are, and the tables of those that answer."""
    return directory / MODELS


def version_path(directory: Path, digest: str) -> Path:
    """Return where the copy of a version is."""
    return models_path(directory) / digest


def draft_path(directory: Path) -> Path:
    """Return a new name for a version's copy that is not, or no longer, to be found."""
    return models_path(directory) / f"{DRAFT}{secrets.token_hex(8)}"


def table_path(directory: Path, number: int) -> Path:
    """Return where the table of a number is."""
    return models_path(directory) / f"table-{number}.json"


class RunDirectory:
    """A private folder, open and locked; only the main process holds it."""

    def __init__(self, path: Path) -> None:
        """Make the folder or take what is there, without what an earlier run of ours left in it.

        Raises StartError when it cannot be written, is in use or somebody else's, or holds files that
        are not ours.
        """
        self.path = path
        self._folder = _claim(path)

    def keep(self) -> None:
        """Have again what a cleaner of old files removed: the folder itself, its marker, the folders in it.

        Without the marker the next start would refuse the folder. Raises StartError or OSError when there
        is now something else in its place, or it cannot be made.
        """
        if not self._is_there():
            lost, self._folder = self._folder, _claim(self.path)
            os.close(lost)
        _furnish(self._folder)

    def fileno(self) -> int:
        """Return the descriptor that holds the lock."""
        return self._folder

    def close(self) -> None:
        """Let go of the folder."""
        os.close(self._folder)

    def _is_there(self) -> bool:
        with contextlib.suppress(FileNotFoundError):
            return os.path.samestat(os.fstat(self._folder), self.path.lstat())
        return False


@contextlib.contextmanager
def run_directory(wanted: Path | None, workers: int) -> Iterator[RunDirectory]:
    """Yield the directory that is `wanted`, or a fresh one that is removed in the end.

    Raises StartError as RunDirectory does, and when it makes socket paths too long.
    """
    with contextlib.ExitStack() as stack:
        if wanted is None:
            try:
                fresh = stack.enter_context(tempfile.TemporaryDirectory(prefix="logitserve-"))
            except OSError as error:
                raise StartError(f"SERVICE_RUN_DIR={error.filename}: {error.strerror}") from None
            path = Path(fresh)
        else:
            path = wanted.absolute()
        claimed = stack.enter_context(contextlib.closing(RunDirectory(path)))
        if len(os.fsencode(socket_path(path, workers))) > MAX_SOCKET_PATH_BYTES:
            raise StartError(f"SERVICE_RUN_DIR={path}: wanted a shorter path, for the sockets in it")
        yield claimed


class _NotOursError(Exception):
    """The folder, or something in it, is not this service's to use."""


def _claim(path: Path) -> int:
    """Return the open folder at `path`, which from here on is ours."""
    with contextlib.ExitStack() as on_error:
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            on_error.callback(os.close, folder)
            # On the folder itself: whoever cleans up temporary folders passes over one that is locked so.
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _clear(folder)
            _furnish(folder)
        except BlockingIOError:
            raise StartError(f"SERVICE_RUN_DIR={path}: another service is using it") from None
        except _NotOursError as error:
            raise StartError(f"SERVICE_RUN_DIR={path}: {error}") from None
        except OSError as error:
            raise StartError(f"SERVICE_RUN_DIR={path}: {error.strerror}") from None
        on_error.pop_all()
        return folder


def _clear(folder: int) -> None:
    """Delete what an earlier run of ours left in the open `folder`, by its exact names.

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
    with contextlib.ExitStack() as held:  # all of them are looked at before anything is deleted
        versions: list[str] = []
        ours: list[tuple[int, Callable[[str], object]]] = [(folder, OWN_FILE.fullmatch)]
        if METRICS in names:
            ours.append((held.enter_context(_opened(folder, METRICS)), OWN_METRICS.fullmatch))
        if MODELS in names:
            models = held.enter_context(_opened(folder, MODELS))
            ours.append((models, OWN_TABLE.fullmatch))
            versions += filter(OWN_VERSION.fullmatch, os.listdir(models))  # noqa: PTH208 - pathlib knows no descriptors
            ours += [
                (held.enter_context(_opened(models, name)), IN_VERSION.__contains__) for name in versions
            ]
        for inner, is_ours in ours:
            for name in filter(is_ours, os.listdir(inner)):  # noqa: PTH208 - as above
                os.unlink(name, dir_fd=inner)
        for name in versions:
            with contextlib.suppress(OSError):  # rmdir refuses a folder that holds anything
                os.rmdir(name, dir_fd=models)


@contextlib.contextmanager
def _opened(folder: int, name: str) -> Iterator[int]:
    """Open a folder in the open `folder`, no link, that is this user's alone."""
    inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
    try:
        _check_owned(os.fstat(inner))
        yield inner
    finally:
        os.close(inner)


def _furnish(folder: int) -> None:
    """Put into the open `folder` what is not there of what each run needs."""
    with contextlib.suppress(FileExistsError):
        os.close(os.open(MARKER, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600, dir_fd=folder))
    for name in (METRICS, MODELS):
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, mode=0o700, dir_fd=folder)


def _check_owned(found: os.stat_result) -> None:
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise _NotOursError("others may write in it; a folder inside it, which the service makes, will do")
    if found.st_uid != os.geteuid():
        raise _NotOursError("it belongs to another user")
