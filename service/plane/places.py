"""The places of requests that are taken and unanswered: how many there are, and whose own some are.

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
    """Those of one HTTP process. `jobs` are the requests that have one, in order; the batcher keeps them.

    While they are `shared`, some being somebody's own, it also tells who took one and who left.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self.jobs: dict[Job, None] = {}
        self.shared = False
        self._held = 0
        """How many are taken or kept for their owner, while they are shared."""

    def free(self, queue: Queue) -> bool:
        """Return whether a request for `queue` can be taken."""
        if not self.shared:
            return len(self.jobs) < self._most
        return self._held < self._most or queue.pending < queue.reserved

    def taken(self, queue: Queue) -> None:
        """Count a request of `queue`."""
        queue.pending += 1
        if queue.pending > queue.reserved:
            self._held += 1

    def left(self, queue: Queue) -> None:
        """Count a request of `queue` no more."""
        if queue.pending > queue.reserved:
            self._held -= 1
        queue.pending -= 1

    def reserve(self, current: Collection[Queue], others: Collection[Queue]) -> None:
        """Have each of the `current` versions of models own some places, where there are several."""
        own = self._most // max(OWN_SHARE, len(current)) if len(current) > 1 else 0
        self.shared = own > 0
        pending = Counter(job.queue for job in self.jobs)
        for queue in pending.keys() | set(others):
            queue.pending, queue.reserved = pending[queue], 0
        for queue in current:
            queue.pending, queue.reserved = pending[queue], own
        queues = pending.keys() | set(current) | set(others)
        self._held = sum(max(queue.pending, queue.reserved) for queue in queues)
