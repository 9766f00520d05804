"""The places of requests that are taken and unanswered: who has one, and whose own some are.

Knows nothing of what a request is.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from service.plane.queue import Job, Queue

OWN_SHARE = 8
"""Of several models each has such a part of the places of its own, or less when there are more models."""


class Places:
    """Those of one HTTP process, in the order in which they were taken."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._shared = False
        """Whether some are somebody's own: only then it is counted who has how many."""
        self._held = 0
        """How many are taken or kept for their owner, where they are shared."""
        self.jobs: dict[Job, None] = {}

    def __len__(self) -> int:
        return len(self.jobs)

    def free(self, queue: Queue) -> bool:
        """Return whether a request for `queue` can be taken."""
        if not self._shared:
            return len(self.jobs) < self._most
        return self._held < self._most or queue.pending < queue.reserved

    def take(self, job: Job) -> None:
        """Give `job` a place."""
        self.jobs[job] = None
        if self._shared:
            queue = job.queue
            queue.pending += 1
            if queue.pending > queue.reserved:
                self._held += 1

    def leave(self, job: Job) -> None:
        """Have the place back, if `job` has one."""
        if self.jobs.pop(job, 0) is None and self._shared:
            queue = job.queue
            if queue.pending > queue.reserved:
                self._held -= 1
            queue.pending -= 1

    def reserve(self, current: Collection[Queue], others: Collection[Queue]) -> None:
        """Have each of the `current` versions of models own some places, where there are several."""
        own = self._most // max(OWN_SHARE, len(current)) if len(current) > 1 else 0
        for queue in others:
            queue.reserved = 0
        for queue in current:
            queue.reserved = own
        self._shared = own > 0
        pending = Counter(job.queue for job in self.jobs)
        queues = pending.keys() | set(current) | set(others)
        for queue in queues:
            queue.pending = pending[queue]
        self._held = sum(max(queue.pending, queue.reserved) for queue in queues)
