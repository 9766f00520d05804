"""The requests that wait for one version of a model. Knows nothing of workers."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from service.errors import ServiceError
    from service.metrics.versions import VersionCounts
    from service.wire.results import Results


class Job(Protocol):
    """What there is to know of a request; `deadline` and `queued` are on the monotonic clock."""

    queue: Queue
    rows: int
    payload: bytes
    explain: bool
    deadline: float
    queued: float
    live: bool

    def succeed(self, results: Results, row: int) -> None: ...
    def fail(self, error: ServiceError) -> None: ...


class Queue:
    """What waits for one version: its digest, the shape of its rows and results, its pace, its counts."""

    __slots__ = (
        "classes",
        "columns",
        "counts",
        "digest",
        "jobs",
        "pending",
        "reserved",
        "rows",
        "seconds_a_row",
    )

    def __init__(self, digest: bytes, classes: int, columns: int, counts: VersionCounts) -> None:
        self.digest = digest
        self.classes = classes
        self.columns = columns
        self.counts = counts
        self.jobs: deque[Job] = deque()
        self.rows = 0
        """Of the jobs that wait."""
        self.seconds_a_row = 0.0
        """The model's own time, by the pace last seen."""
        self.pending = 0
        """Requests that are taken and unanswered, while places are shared."""
        self.reserved = 0
        """How many of the pending places are this version's own."""

    def take(self, now: float, most_rows: int) -> list[Job]:
        """Return the next jobs that are still waited for: as many as fit, at least one if there is one."""
        found: list[Job] = []
        rows, jobs = 0, self.jobs
        while jobs and (not found or rows + jobs[0].rows <= most_rows):
            job = jobs.popleft()
            self.rows -= job.rows
            if job.live and job.deadline > now:
                rows += job.rows
                found.append(job)
        return found

    def drop_dead(self) -> None:
        """Drop what nobody waits for: while no worker takes it, it would hold memory and look like work."""
        self.jobs = deque([job for job in self.jobs if job.live])
        self.rows = sum([job.rows for job in self.jobs])

    def paced(self, seconds: float, rows: int) -> None:
        """Take note of how long the model took."""
        self.seconds_a_row += (seconds / rows - self.seconds_a_row) / 8
