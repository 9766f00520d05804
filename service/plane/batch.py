"""The requests of one frame. Knows nothing of sockets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from service.wire import frames

if TYPE_CHECKING:
    from service.plane.queue import Job, Queue


class Owner(Protocol):
    """Who made a batch, and hears how it ended."""

    def finished(self, batch: Batch, status: int, microseconds: int, payload: frames.Raw) -> None: ...
    def lost(self, batch: Batch) -> None: ...


class Batch:
    """Requests of one queue that go to a worker together, in order.

    `rows` counts what was sent, `sent` tells when.
    """

    __slots__ = ("attempts", "id", "jobs", "owner", "queue", "rows", "sent")

    def __init__(self, batch_id: int, jobs: list[Job], queue: Queue, owner: Owner) -> None:
        self.id = batch_id
        self.jobs = jobs
        self.queue = queue
        self.owner = owner
        self.attempts = 0
        self.sent = 0.0

    def frame(self) -> bytes:
        """Return the frame of the requests that still wait, and forget the others."""
        self.jobs = [job for job in self.jobs if job.live]
        rows, flags, deadline, payloads = 0, 0, 0.0, []
        for job in self.jobs:
            rows += job.rows
            payloads.append(job.payload)
            if job.explain:
                flags = frames.FLAG_EXPLAIN
            deadline = max(deadline, job.deadline)
        self.rows = rows
        queue = self.queue
        return frames.pack_request(self.id, queue.digest, deadline, rows, queue.columns, flags, payloads)
