"""A worker's loop that goes on only as far as a test says, over a real socket."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.drift.counting import Counting
from service.run_directory import metrics_path
from service.worker.alarm import Alarm
from service.worker.loop import FrameLoop
from service.worker.versions import Versions

LIMIT = 50
LATER_S = 3600.0


def ignored(_: float) -> None:
    """Wake nobody."""


def off(run_dir: Path) -> Counting:
    """Return what counts nothing."""
    return Counting(run_dir, 0, 0, ignored)


class Api:
    """What LitServe hosts, without it."""

    device, spec = "cpu", None

    def __init__(self, run_dir: Path, alarm: Alarm | None = None) -> None:
        self.alarm = alarm
        metrics_path(run_dir).mkdir(exist_ok=True)
        self.counting = Counting(metrics_path(run_dir), 0, LIMIT, alarm.ring_in if alarm else ignored)
        self.versions = Versions(run_dir, "cpu", self.counting)

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
    made, alarm = Worker(run_dir), Alarm(LATER_S)
    try:
        with pytest.raises(Stopped):
            made(Api(run_dir, alarm), "cpu", 0, None, None, None, None)  # type: ignore[arg-type]
        made.playing = True
        yield made
    finally:
        alarm.close()
        for peer, _ in made.peers.values():
            peer.close()
        made.listener.close()
        made.poller.close()
