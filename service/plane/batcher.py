"""The batcher: gathers requests while every worker is busy, keeps their deadlines, and answers each once.

Knows nothing of HTTP, JSON or sockets: a request is its rows as raw float32, a deadline and two ways to end.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections import deque
from typing import TYPE_CHECKING, Protocol

from service.errors import DeadlineError, InternalError, ServiceError
from service.plane.batch import Batch, Job, Model
from service.wire import frames
from service.wire.results import Results

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service.metrics.declared import Metrics
    from service.settings import Settings


class Lane(Protocol):
    """A way to one worker."""

    free: bool

    def send(self, batch: Batch) -> None: ...
    def end_if_stuck(self, now: float) -> None: ...


SWEEP_S = 0.02
"""How late an answer 504 may be: a timer a request would cost more than the whole queue does."""
MAX_ATTEMPTS = 3
"""Workers that one batch may take with it before it is given up."""
BATCH_TARGET_S = 0.05
"""No batch is made so long, by the pace last seen, that it holds up the next one by more than this."""

log = logging.getLogger("logitserve.batcher")


class Batcher:
    """The queue of one HTTP process, in front of its links to the workers."""

    def __init__(
        self,
        settings: Settings,
        model: Model,
        lanes: Sequence[Lane],
        pending: dict[Job, None],
        metrics: Metrics,
    ) -> None:
        """`pending` is where the requests stand that are taken and unanswered, in order."""
        self._model = model
        self._lanes = lanes
        self._pending = pending
        self._metrics = metrics
        self._max_rows = settings.max_rows
        # Every HTTP process has about as much waiting as this one, and all workers share it.
        self._share = settings.api_servers / len(lanes)
        self._queue: deque[Job] = deque()
        self._queued_rows = 0
        self._retries: deque[Batch] = deque()
        self._ids = itertools.count(1)
        self._seconds_per_row = 0.0
        self._dispatching = self._sweeping = False
        self._swept = 0.0

    def expected_wait_s(self) -> float:
        """Return how long a request that is taken now will wait for a worker, by the pace last seen."""
        return self._queued_rows * self._seconds_per_row * self._share

    def submit(self, job: Job) -> None:
        """Take `job`, which is answered exactly once: by its results, its failure, or at its deadline.

        One without rows has no results to wait for: it is answered at once.
        """
        if not job.rows:
            job.succeed(Results(b"", 0, self._model.classes, self._model.columns), 0)
            return
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
            self._metrics.soon()

    def forget(self, job: Job) -> None:
        """Give back the place of a job that needs no answer any more; it is never started."""
        self._pending.pop(job, None)

    def dispatch(self) -> None:
        """Send what is waiting to the workers that are free."""
        self._dispatching = False
        if not self._queue and not self._retries:
            return
        for lane in self._lanes:
            if lane.free:
                now = time.monotonic()
                batch = self._next(now)
                if batch is None:
                    return
                batch.sent = now
                for job in batch.jobs:
                    self._metrics.queue_wait_tally.add(batch.sent - job.queued)
                lane.send(batch)

    def _next(self, now: float) -> Batch | None:
        """Return the next batch, as large as it may be: one that lost its worker before any new one."""
        while self._retries:
            batch = self._retries.popleft()
            if any(job.live for job in batch.jobs):
                return batch
        limit = self._max_rows
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
        return Batch(next(self._ids), jobs, self._model, self) if jobs else None

    def finished(self, batch: Batch, status: int, microseconds: int, payload: frames.Raw) -> None:
        """Answer the requests of `batch` with what the worker said, and send the next one."""
        if status == frames.Status.OK:
            # The model's own time: the wait for a worker that stood still says nothing of the next batch.
            self._seconds_per_row += (microseconds / 1e6 / batch.rows - self._seconds_per_row) / 8
            self._metrics.batch(batch.rows, microseconds)
        # The worker goes on while its last answers are encoded.
        self.dispatch()
        if status == frames.Status.OK:
            results = Results(payload, batch.rows, self._model.classes, self._model.columns)
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
        self.dispatch()

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
            for lane in self._lanes:
                lane.end_if_stuck(now)
        self._sweeping = bool(self._pending) or any(not lane.free for lane in self._lanes)
        if self._sweeping:
            asyncio.get_running_loop().call_later(SWEEP_S, self._sweep)
