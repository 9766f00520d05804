"""A batcher with everything around it that a test plays."""

import struct
from types import SimpleNamespace
from typing import Any

from service.errors import ServiceError
from service.metrics.versions import VersionCounts
from service.plane.batch import Batch
from service.plane.batcher import Batcher
from service.plane.places import Places
from service.plane.queue import Queue
from service.settings import Settings
from service.wire.frames import Status
from service.wire.results import Results
from tests.service.virtual_time import VirtualLoop

DIGEST = "ab" * 32


TIMEOUT_S = 10.0


def make_queue(digest: str = DIGEST) -> Queue:
    """Return the queue of a version with two classes and one input."""
    return Queue(bytes.fromhex(digest), 2, 1, VersionCounts("tiny", "3", ("no", "yes")))


def take(places: Places, job: Any) -> None:
    """Give a job a place, as the batcher does."""
    places.jobs[job] = None
    if places.shared:
        places.taken(job.queue)


def leave(places: Places, job: Any) -> None:
    """Have its place back, if it has one."""
    if places.jobs.pop(job, 0) is None and places.shared:
        places.left(job.queue)


def wait(queue: Queue, job: Any) -> None:
    """Have a job wait, as the batcher does."""
    queue.jobs.append(job)
    queue.rows += job.rows


class Job:
    """A request of `rows` rows whose answer is kept; who submits it gives it a queue if it has none."""

    queue: Queue

    def __init__(
        self, loop: VirtualLoop, rows: int = 1, timeout_s: float = TIMEOUT_S, *, explain: bool = False
    ) -> None:
        self.rows, self.explain = rows, explain
        self.payload = struct.pack(f"<{rows}f", *range(rows))
        self.deadline = loop.now + timeout_s
        self.queued = 0.0
        self.live = True
        self.scores: list[float] | None = None
        self.error: ServiceError | None = None
        self.answered_at: float | None = None
        self._loop = loop

    def succeed(self, results: Results, row: int) -> None:
        """Keep the last class's probability of each row."""
        self._answer()
        self.scores = [last for _, last in results.probabilities(row, self.rows)]

    def fail(self, error: ServiceError) -> None:
        """Keep the error."""
        self._answer()
        self.error = error

    def _answer(self) -> None:
        assert self.live, "answered twice"
        self.live = False
        self.answered_at = self._loop.now


class Lane:
    """A link to a worker that answers when it is told to."""

    def __init__(self) -> None:
        self.free = True
        self.sent: list[Batch] = []
        self.writes: list[list[Batch]] = []
        """The same, by what left together."""
        self.looked_at = 0

    def send(self, batches: list[Batch]) -> None:
        """Take batches."""
        assert self.free
        for batch in batches:
            batch.frame()  # only then are the rows counted
        self.free = False
        self.sent += batches
        self.writes.append(batches)

    def end_if_stuck(self, _: float) -> None:
        """Count how often it was looked at."""
        self.looked_at += 1


class Workbench:
    """A batcher with lanes that a test drives."""

    def __init__(self, loop: VirtualLoop, lanes: int = 1, **settings: Any) -> None:
        self.loop = loop
        self.queue = make_queue()
        """That of jobs which have none of their own."""
        self.batches: list[int] = []
        """The rows of each call that was counted."""
        self.lanes = [Lane() for _ in range(lanes)]
        self.places = Places(1000)
        self.batcher = Batcher(
            Settings.model_validate({"api_servers": 1} | settings),
            self.lanes,
            self.places,
            SimpleNamespace(soon=lambda: None),  # type: ignore[arg-type]
        )

    @property
    def pending(self) -> dict[Any, None]:
        """The jobs that have a place."""
        return self.places.jobs

    def submit(self, *jobs: Job, queue: Queue | None = None) -> None:
        """Submit jobs in one turn of the loop."""
        for job in jobs:
            job.queue = queue or self.queue
            self.batcher.submit(job)

    def reply(self, lane: int = 0, status: Status = Status.OK, seconds: float = 0.0) -> None:
        """Have a lane's worker answer what it was sent last.

        The score of a row is its own number in the batch; each batch takes so many seconds.
        """
        found = self.lanes[lane]
        batches = found.writes[-1]
        for batch in batches:
            payload = b"".join(struct.pack("<2f", 0.0, row) for row in range(batch.rows))
            found.free = batch is batches[-1]
            if status is Status.OK:
                self.batches.append(batch.rows)
            self.batcher.finished(batch, status, int(seconds * 1e6), payload if status is Status.OK else b"")

    def die(self, lane: int = 0) -> None:
        """Have a lane's worker die with its batches, and the next one come."""
        found = self.lanes[lane]
        batches = found.writes[-1]
        found.free = True
        for batch in batches:
            self.batcher.lost(batch)
