"""The requests of one frame. Knows nothing of queues or sockets."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from service.wire import frames

if TYPE_CHECKING:
    from service.errors import ServiceError
    from service.wire.results import Results


class Job(Protocol):
    """What there is to know of a request; `deadline` and `queued` are on the monotonic clock."""

    rows: int
    payload: bytes
    explain: bool
    deadline: float
    queued: float
    live: bool

    def succeed(self, results: Results, row: int) -> None: ...
    def fail(self, error: ServiceError) -> None: ...


class Model(NamedTuple):
    """What a frame says of the model: the digest of its version, and the shape of rows and results."""

    digest: bytes
    classes: int
    columns: int


class Owner(Protocol):
    """Who made a batch, and hears how it ended."""

    def finished(self, batch: Batch, status: int, microseconds: int, payload: frames.Raw) -> None: ...
    def lost(self, batch: Batch) -> None: ...


class Batch:
    """Requests that go to a worker together, in order. `rows` counts what was sent, `sent` tells when."""

    __slots__ = ("_model", "attempts", "id", "jobs", "owner", "rows", "sent")

    def __init__(self, batch_id: int, jobs: list[Job], model: Model, owner: Owner) -> None:
        self.id = batch_id
        self.jobs = jobs
        self.owner = owner
        self.attempts = 0
        self.sent = 0.0
        self._model = model

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
        digest, _, columns = self._model
        return frames.pack_request(self.id, digest, deadline, rows, columns, flags, payloads)
