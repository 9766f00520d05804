"""The batcher: admits requests, gathers them while a worker is busy, and keeps their deadlines.

It knows nothing of HTTP or JSON: a request is its rows as raw float32, a deadline and two callbacks.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import math
import time
from collections import deque
from typing import TYPE_CHECKING

from service import frames
from service.errors import DeadlineError, InternalError, OverloadedError, ServiceError
from service.results import Results

if TYPE_CHECKING:
    from typing import Protocol

    from service.link import Link
    from service.metrics import Metrics
    from service.settings import Settings

    class Job(Protocol):
        """What the batcher needs of a request."""

        rows: int
        payload: bytes
        explain: bool
        deadline: float
        queued: float
        live: bool

        def succeed(self, results: Results, row: int) -> None: ...
        def fail(self, error: ServiceError) -> None: ...


SWEEP_S = 0.02
"""How late an answer 504 may be: a timer a request would cost more than the whole queue does."""
MAX_ATTEMPTS = 3
"""Workers that one batch may take with it before it is given up."""
HEADROOM = 2
"""A wait is admitted that fits so many times into the time left: the pace is only an estimate, and what
expires in the queue took a place in vain."""
BATCH_TARGET_S = 0.05
"""No batch is made so long, by the pace last seen, that it holds up the next one by more than this."""

log = logging.getLogger("logitserve.batcher")


class Batch:
    """The requests of one frame, in order. `rows` counts what was sent."""

    __slots__ = ("attempts", "explain", "id", "jobs", "rows", "sent")

    def __init__(self, batch_id: int, jobs: list[Job]) -> None:
        self.id = batch_id
        self.jobs = jobs
        self.attempts = 0
        self.sent = 0.0

    def frame(self, digest: bytes, columns: int) -> bytes:
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
        return frames.pack_request(self.id, digest, deadline, rows, columns, flags, payloads)


class Batcher:
    """The queue of one HTTP process, in front of its links to the workers."""

    def __init__(self, settings: Settings, digest: str, classes: int, columns: int) -> None:
        self._settings = settings
        self._digest = bytes.fromhex(digest)
        self._classes, self._columns = classes, columns
        self.metrics: Metrics
        self.links: list[Link] = []
        self._pending: dict[Job, None] = {}
        self._queue: deque[Job] = deque()
        self._queued_rows = 0
        self._retries: deque[Batch] = deque()
        self._ids = itertools.count(1)
        self._seconds_per_row = 0.0
        self._dispatching = self._sweeping = False
        self._swept = 0.0

    def pending(self) -> int:
        """Return how many requests are admitted and unanswered."""
        return len(self._pending)

    def check_admission(self, deadline: float) -> None:
        """Raise OverloadedError when one more request cannot be taken, or could not be served in time."""
        # Every HTTP process has about as much waiting as this one, and all workers share it.
        wait = self._queued_rows * self._seconds_per_row * self._settings.api_servers / len(self.links)
        full = len(self._pending) >= self._settings.max_pending
        if full or time.monotonic() + HEADROOM * wait > deadline:
            self.metrics.rejected("overloaded")
            error = OverloadedError("too many requests are waiting; try again later")
            error.retry_after_s = max(1, math.ceil(wait))
            raise error

    def submit(self, job: Job) -> None:
        """Take `job`, which is answered exactly once: by its results, its failure, or at its deadline."""
        job.queued = time.monotonic()
        self._pending[job] = None
        self._queue.append(job)
        self._queued_rows += job.rows
        if len(self._pending) == 1:
            self.dispatch()
        elif not self._dispatching:
            # At the end of this turn of the loop, so that what arrived together leaves together.
            self._dispatching = True
            asyncio.get_running_loop().call_soon(self.dispatch)
        if not self._sweeping:
            self._sweeping = True
            self._swept = job.queued
            asyncio.get_running_loop().call_later(SWEEP_S, self._sweep)
            self.metrics.soon()

    def forget(self, job: Job) -> None:
        """Give back the place of a job that needs no answer any more; it is never started."""
        self._pending.pop(job, None)

    def dispatch(self) -> None:
        """Send what is waiting to the workers that are free."""
        self._dispatching = False
        if not self._queue and not self._retries:
            return
        for link in self.links:
            if link.free:
                now = time.monotonic()
                batch = self._next(now)
                if batch is None:
                    return
                batch.sent = now
                for job in batch.jobs:
                    self.metrics.queue_wait.add(batch.sent - job.queued)
                link.send(batch)

    def _next(self, now: float) -> Batch | None:
        """Return the next batch, as large as it may be: one that lost its worker before any new one."""
        while self._retries:
            batch = self._retries.popleft()
            if any(job.live for job in batch.jobs):
                return batch
        limit = self._settings.max_rows
        if self._seconds_per_row:
            limit = max(1, min(limit, int(BATCH_TARGET_S / self._seconds_per_row)))
        jobs: list[Job] = []
        rows = 0
        queue = self._queue
        while queue and (not jobs or rows + queue[0].rows <= limit):
            job = queue.popleft()
            self._queued_rows -= job.rows
            if job.live and job.deadline > now:
                rows += job.rows
                jobs.append(job)
        return Batch(next(self._ids), jobs) if jobs else None

    def frame(self, batch: Batch) -> bytes:
        """Return the frame that asks for the scores of `batch`."""
        return batch.frame(self._digest, self._columns)

    def finished(self, batch: Batch, status: int, microseconds: int, payload: frames.Raw) -> None:
        """Answer the requests of `batch` with what the worker said, and send the next one."""
        if status == frames.Status.OK:
            # The model's own time: the wait for a worker that stood still says nothing of the next batch.
            self._seconds_per_row += (microseconds / 1e6 / batch.rows - self._seconds_per_row) / 8
            self.metrics.batch(batch.rows, microseconds)
        # The worker goes on while its last answers are encoded.
        self.dispatch()
        if status == frames.Status.OK:
            results = Results(payload, batch.rows, self._classes, self._columns)
            row = 0
            for job in batch.jobs:
                if job.live:
                    self._pending.pop(job, None)
                    job.succeed(results, row)
                row += job.rows
        elif status == frames.Status.EXPIRED:
            self._fail(batch, DeadlineError("the deadline passed before the rows were scored"))
        else:
            self._fail(batch, InternalError("the model failed on this request"))

    def lost(self, batch: Batch) -> None:
        """Take back a batch whose worker died: scoring is pure, so another worker may do it again."""
        batch.attempts += 1
        if batch.attempts < MAX_ATTEMPTS:
            self._retries.append(batch)
        else:
            log.error("gave up a batch that %d workers died on", batch.attempts, extra={"rows": batch.rows})
            self._fail(batch, InternalError("the model's process died on this request"))

    def _fail(self, batch: Batch, error: ServiceError) -> None:
        for job in batch.jobs:
            if job.live:
                self._pending.pop(job, None)
                job.fail(error)

    def _drop_dead(self) -> None:
        """Drop what nobody waits for: while no worker takes it, it would hold memory and look like work."""
        self._queue = deque([job for job in self._queue if job.live])
        self._queued_rows = sum([job.rows for job in self._queue])

    def _sweep(self) -> None:
        """Answer what is past its deadline, and end workers that hold a batch for too long."""
        now = time.monotonic()
        for job in [job for job in self._pending if job.deadline <= now]:
            del self._pending[job]
            job.fail(DeadlineError("the deadline passed before there was an answer"))
        if len(self._queue) > len(self._pending):
            self._drop_dead()
        late = now - self._swept > 1  # this process stood still itself, so it cannot blame a worker
        self._swept = now
        if not late:
            for link in self.links:
                link.end_if_stuck(now)
        self._sweeping = bool(self._pending) or any(not link.free for link in self.links)
        if self._sweeping:
            asyncio.get_running_loop().call_later(SWEEP_S, self._sweep)
