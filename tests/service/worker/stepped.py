"""A worker's loop that goes on only as far as a test says, over a real socket."""

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.worker.loop import FrameLoop
from service.worker.versions import Versions


class Api:
    """What LitServe hosts, without it."""

    device, spec = "cpu", None

    def __init__(self, run_dir: Path) -> None:
        self.versions = Versions(run_dir, "cpu")

    def predict(self, digest: bytes, rows: Any, *, explain: bool) -> bytes:
        """Return the probabilities of rows."""
        del explain
        found: bytes = self.versions[digest].predict(rows).tobytes()
        return found


class Stopped(Exception):  # noqa: N818 - no error
    """The loop would go on from here until it is killed."""


class Worker(FrameLoop):
    """The loop; a test plays it."""

    playing = False

    def run(self, lit_api: Any, *_: Any) -> None:
        if not self.playing:
            raise Stopped
        super().run(lit_api)

    def step(self, model: Any) -> None:
        """Serve what is waiting; a test sees to it that something is."""
        self.run(model)


@contextlib.contextmanager
def listening(run_dir: Path) -> Iterator[Worker]:
    """Yield worker 0, which listens."""
    handler = signal.getsignal(signal.SIGALRM)
    made = Worker(run_dir)
    try:
        with pytest.raises(Stopped):
            made(Api(run_dir), "cpu", 0, None, None, None, None)  # type: ignore[arg-type]
        signal.setitimer(signal.ITIMER_REAL, 0)
        made.playing = True
        yield made
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        for peer, _ in made.peers.values():
            peer.close()
        made.listener.close()
        made.poller.close()
