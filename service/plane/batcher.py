"""The batcher: gathers requests while every worker is busy, keeps their deadlines, and answers each once.

Knows nothing of HTTP, JSON or sockets: a request is its queue, its rows as raw float32, a deadline and two
ways to end.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections import deque
from typing import TYPE_CHECKING, Protocol

from service.errors import DeadlineError, InternalError, ServiceError
from service.plane.batch import Batch
from service.wire import frames
from service.wire.results import Results

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service.metrics.declared import Metrics
    from service.plane.places import Places
    from service.plane.queue import Job, Queue
    from service.settings import Settings


class Lane(Protocol):
    """A way to one worker."""

    free: bool

    def send(self, batches: list[Batch]) -> None: ...
    def end_if_stuck(self, now: float) -> None: ...


SWEEP_S = 0.02
"""How late an answer 504 may be: a timer a request would cost more than the whole queue does."""
MAX_ATTEMPTS = 3
"""Workers that one batch may take with it before it is given up."""
BATCH_TARGET_S = 0.05
"""What leaves together is no more, by the pace last seen, than holds up the next by this."""

log = logging.getLogger("logitserve.batcher")


class Batcher:
    """What waits in one HTTP process, in front of its links to the workers."""

    def __init__(self, settings: Settings, lanes: Sequence[Lane], places: Places, metrics: Metrics) -> None:
        self._lanes = lanes
        self._places = places
        self._jobs = places.jobs
        self._metrics = metrics
        self._max_rows = settings.max_rows
        # Every HTTP process has about as much waiting as this one, and all workers share it.
        self._share = settings.api_servers / len(lanes)
        self._waiting: dict[Queue, None] = {}
        """The queues that are not empty, in turn."""
        self._retries: deque[Batch] = deque()
        self._ids = itertools.count(1)
        self._dispatching = self._sweeping = False
        self._swept = 0.0

    def expected_wait_s(self) -> float:
        """Return how long a request that is taken now will wait for a worker, by the pace last seen."""
        wait = 0.0
        for queue in self._waiting:
            wait += queue.rows * queue.seconds_a_row
        return wait * self._share

    def submit(self, job: Job) -> None:
        """Take `job`, which is answered exactly once: by its results, its failure, or at its deadline.

        One without rows has no results to wait for: it is answered at once.
        """
        if not job.rows:
            job.succeed(Results(b"", 0, job.queue.classes, job.queue.columns), 0)
            return
        job.queued = time.monotonic()
        self._jobs[job] = None
        queue = job.queue
        if self._places.shared:
            self._places.taken(queue)
        if not queue.jobs:
            self._waiting[queue] = None
        queue.jobs.append(job)
        queue.rows += job.rows
        if len(self._jobs) == 1:
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
        self._leave(job)

    def dispatch(self) -> None:
        """Send what is waiting to the workers that are free."""
        self._dispatching = False
        if not self._waiting and not self._retries:
            return
        for lane in self._lanes:
            if lane.free:
                now = time.monotonic()
                batches = self._next(now)
                if not batches:
                    return
                for batch in batches:
                    batch.sent = now
                    tally = batch.queue.counts.queue_wait
                    for job in batch.jobs:
                        tally.add(now - job.queued)
                lane.send(batches)

    def _next(self, now: float) -> list[Batch]:
        """Return what leaves next: a batch that lost its worker, alone, or else one of each queue.

        They leave together, as a round trip for each model would take so many times as long.
        """
        while self._retries:
            batch = self._retries.popleft()
            if any(job.live for job in batch.jobs):
                return [batch]
        found, waiting = [], self._waiting
        self._waiting = {}
        for queue in waiting:
            limit = self._max_rows
            if queue.seconds_a_row:
                limit = max(1, min(limit, int(BATCH_TARGET_S / len(waiting) / queue.seconds_a_row)))
            jobs = queue.take(now, limit)
            if queue.jobs:
                self._waiting[queue] = None
            if jobs:
                found.append(Batch(next(self._ids), jobs, queue, self))
        return found

    def finished(self, batch: Batch, status: int, microseconds: int, payload: frames.Raw) -> None:
        """Answer the requests of `batch` with what the worker said, and send the next one."""
        if status == frames.Status.OK:
            # The model's own time: the wait for a worker that stood still says nothing of the next batch.
            batch.queue.paced(microseconds / 1e6, batch.rows)
            batch.queue.counts.batch(batch.rows, microseconds)
        # The worker goes on while its last answers are encoded.
        self.dispatch()
        if status == frames.Status.OK:
            results = Results(payload, batch.rows, batch.queue.classes, batch.queue.columns)
            row = 0
            batch.queue.counts.scored += len(batch.jobs)
            for job in batch.jobs:
                if job.live:
                    self._leave(job)
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

    def _leave(self, job: Job) -> None:
        """Have the place of a job back, if it has one."""
        if self._jobs.pop(job, 0) is None and self._places.shared:
            self._places.left(job.queue)

    def _fail(self, batch: Batch, error: ServiceError) -> None:
        for job in batch.jobs:
            if job.live:
                self._leave(job)
                job.queue.counts.failed += 1
                job.fail(error)

    def _sweep(self) -> None:
        """Answer what is past its deadline, and end workers that hold a batch for too long."""
        now = time.monotonic()
        for job in [job for job in self._jobs if job.deadline <= now]:
            self._leave(job)
            job.queue.counts.failed += 1
            job.fail(DeadlineError("the deadline passed before there was an answer"))
        if sum([len(queue.jobs) for queue in self._waiting]) > len(self._jobs):
            for queue in self._waiting:
                queue.drop_dead()
        late = now - self._swept > 1  # this process stood still itself, so it cannot blame a worker
        self._swept = now
        if not late:
            for lane in self._lanes:
                lane.end_if_stuck(now)
        self._sweeping = bool(self._jobs) or any(not lane.free for lane in self._lanes)
        if self._sweeping:
            asyncio.get_running_loop().call_later(SWEEP_S, self._sweep)
