"""A batcher with everything around it that a test plays."""

import struct
from typing import Any

from service.errors import ServiceError
from service.plane.batch import Batch, Model
from service.plane.batcher import Batcher
from service.settings import Settings
from service.wire.frames import Status
from service.wire.results import Results
from tests.service.virtual_time import VirtualLoop

DIGEST = "ab" * 32


TIMEOUT_S = 10.0


class Job:
    """A request of `rows` rows whose answer is kept."""

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
        self.looked_at = 0

    def send(self, batch: Batch) -> None:
        """Take a batch."""
        assert self.free
        batch.frame()  # only then are the rows counted
        self.free = False
        self.sent.append(batch)

    def end_if_stuck(self, _: float) -> None:
        """Count how often it was looked at."""
        self.looked_at += 1


class Counts:
    """What is counted."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.queue_wait_tally = self

    def batch(self, rows: int, _: int) -> None:
        self.batches.append(rows)

    def add(self, value: float) -> None:
        assert value >= 0

    def soon(self) -> None:
        pass


class Workbench:
    """A batcher with lanes that a test drives."""

    def __init__(self, loop: VirtualLoop, lanes: int = 1, **settings: Any) -> None:
        self.loop = loop
        self.counts = Counts()
        self.lanes = [Lane() for _ in range(lanes)]
        self.pending: dict[Any, None] = {}
        self.batcher = Batcher(
            Settings.model_validate({"api_servers": 1} | settings),
            Model(bytes.fromhex(DIGEST), 2, 1),
            self.lanes,
            self.pending,
            self.counts,  # type: ignore[arg-type]
        )

    def submit(self, *jobs: Job) -> None:
        """Submit jobs in one turn of the loop."""
        for job in jobs:
            self.batcher.submit(job)

    def reply(self, lane: int = 0, status: Status = Status.OK, seconds: float = 0.0) -> None:
        """Have a lane's worker answer: the score of a row is its own number in the batch."""
        found = self.lanes[lane]
        batch = found.sent[-1]
        payload = b"".join(struct.pack("<2f", 0.0, row) for row in range(batch.rows))
        found.free = True
        self.batcher.finished(batch, status, int(seconds * 1e6), payload if status is Status.OK else b"")

    def die(self, lane: int = 0) -> None:
        """Have a lane's worker die with its batch, and the next one come."""
        found = self.lanes[lane]
        batch = found.sent[-1]
        found.free = True
        self.batcher.lost(batch)
