"""Who gets in: by what waits, and by what the time left allows. Knows nothing of who asks."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from service.errors import DeadlineError, OverloadedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.gate.accounting import Accounting
    from service.plane.places import Places
    from service.plane.queue import Queue

HEADROOM = 2
"""A wait is admitted that fits so many times into the time left: the pace is only an estimate, and what
expires in the queue took a place in vain."""


class Admission:
    """The door in front of one HTTP process's queue."""

    def __init__(self, places: Places, expected_wait_s: Callable[[], float], accounting: Accounting) -> None:
        self._places = places
        self._expected_wait_s = expected_wait_s
        self._accounting = accounting

    def check(self, deadline: float, queue: Queue) -> None:
        """Refuse one request for `queue` more than can be taken, or one that could not be served in time.

        Raises DeadlineError when its time was over before it had arrived, else OverloadedError.
        """
        wait, now = self._expected_wait_s(), time.monotonic()
        if now > deadline:
            raise DeadlineError("the deadline passed before the request had arrived")
        if not self._places.free(queue) or now + HEADROOM * wait > deadline:
            self._accounting.rejected("overloaded")
            error = OverloadedError("too many requests are waiting; try again later")
            error.retry_after_s = max(1, math.ceil(wait))
            raise error
