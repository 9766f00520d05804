"""The versions that a worker holds, by digest: loaded from staged copies, tried in a child, forgotten.

Knows nothing of frames.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from models.errors import StoreError
from service.errors import StartError
from service.library.staged import load
from service.library.table import Refusal
from service.lifetime import die_with
from service.worker.runtime import Runtime

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.drift.counting import Counting
    from service.library.table import Reason

TRY_S = 10
"""What a version may take to be loaded and to answer its golden examples."""
MOST_SAID = 500
"""Characters of a refusal, which must fit into a pipe and a log line."""
NO_MEMORY = ("not enough memory", "can't allocate memory")
"""How torch says so, in an error of no class of its own."""
LIKELY_VICTIM = "1000"
"""The most that the kernel lets a process say of itself: that it is the one to go when memory is out."""


class Versions:
    """What one worker holds. A version that it does not hold is loaded when it is asked for."""

    def __init__(self, run_dir: Path, device: str, counting: Counting) -> None:
        """`counting` is told what is held."""
        self._run_dir = run_dir
        self._device = device
        self._counting = counting
        self._held: dict[bytes, Runtime] = {}

    def __getitem__(self, digest: bytes) -> Runtime:
        """Return a version; raises as Runtime does when it cannot be loaded, StoreError without its copy."""
        runtime = self._held.get(digest)
        if runtime is None:
            runtime = self._held[digest] = self._load(digest)
            self._counting.watch(digest, runtime.manifest, runtime.weights)
        return runtime

    def load(self, digest: bytes) -> Refusal | None:
        """Hold a version, or return why it cannot be."""
        return _refusal_of(lambda: self[digest])

    def check(self, digest: bytes) -> Refusal | None:
        """Load a version and let go of it, or return why it cannot be loaded."""
        return _refusal_of(lambda: self._load(digest))

    def forget(self, digest: bytes) -> None:
        """Hold a version no more."""
        self._held.pop(digest, None)
        self._counting.forget(digest)

    def try_out(self, digest: bytes) -> Trial | None:
        """Have a child load a version; None where there is nothing to try: it is held, or no CPU's.

        A device's driver does not outlive a fork.
        """
        return None if digest in self._held or self._device != "cpu" else Trial(self, digest)

    def _load(self, digest: bytes) -> Runtime:
        return Runtime(load(self._run_dir, digest.hex()), self._device)


class Trial:
    """A child, process `pid`, that loads a version and may die of it; `fd` is readable when it has ended."""

    def __init__(self, versions: Versions, digest: bytes) -> None:
        self.fd, told = os.pipe()
        worker = os.getpid()
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if not self.pid:
            _be_tried(versions, digest, worker, told)
        os.close(told)

    def end(self) -> Refusal | None:
        """Return what came of it, once `fd` is readable."""
        with os.fdopen(self.fd, "rb") as told:
            said = told.read()
        _, status = os.waitpid(self.pid, 0)
        number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        if number == signal.SIGALRM:
            return Refusal("timeout", f"did not answer its golden examples within {TRY_S} s")
        if number or not said:
            how = f"signal {number}" if number else f"status {os.waitstatus_to_exitcode(status)}"
            return Refusal("crashed", f"ended the process that tried it, with {how}")
        found = json.loads(said)
        return None if found is None else Refusal(*found)


def _be_tried(versions: Versions, digest: bytes, worker: int, told: int) -> None:
    """Load a version, tell what came of it, and end: this is the child.

    What it has of the worker's is closed first: a connection ends when nobody holds it.
    """
    status = 1
    try:
        os.dup2(told, 3)
        os.closerange(4, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, TRY_S)
        die_with(worker)
        if sys.platform == "linux":
            Path("/proc/self/oom_score_adj").write_text(LIKELY_VICTIM)
        os.write(3, json.dumps(versions.check(digest)).encode())
        status = 0
    finally:
        os._exit(status)


def _refusal_of(loading: Callable[[], object]) -> Refusal | None:
    try:
        loading()
    except Exception as error:  # noqa: BLE001 - whatever the file makes torch raise refuses the file
        return refusal(error)
    return None


def refusal(error: Exception) -> Refusal:
    """Return why a version that raised `error` is refused, in one line."""
    text = str(error)
    reason: Reason = "unusable"
    if isinstance(error, StoreError):
        reason = "broken"
    elif isinstance(error, StartError):
        reason = "golden"
    else:
        if isinstance(error, MemoryError) or any(sign in text for sign in NO_MEMORY):
            reason = "memory"
        # The last line says what is wrong; torch's own traceback comes before it.
        text = f"{type(error).__name__}: {''.join(text.splitlines()[-1:])}"
    return Refusal(reason, " ".join(text.split())[:MOST_SAID])
