"""Who gets in: by what waits, and by what the time left allows. Knows nothing of who asks."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from service.errors import DeadlineError, OverloadedError

if TYPE_CHECKING:
    from collections.abc import Callable, Sized

    from service.gate.accounting import Accounting

HEADROOM = 2
"""A wait is admitted that fits so many times into the time left: the pace is only an estimate, and what
expires in the queue took a place in vain."""


class Admission:
    """The door in front of one HTTP process's queue."""

    def __init__(
        self, pending: Sized, most: int, expected_wait_s: Callable[[], float], accounting: Accounting
    ) -> None:
        """`pending` are the requests that are admitted and unanswered, of which there may be `most`."""
        self._pending = pending
        self._most = most
        self._expected_wait_s = expected_wait_s
        self._accounting = accounting

    def check(self, deadline: float) -> None:
        """Refuse one request more than can be taken, or one that could not be served in time.

        Raises DeadlineError when its time was over before it had arrived, else OverloadedError.
        """
        wait, now = self._expected_wait_s(), time.monotonic()
        if now > deadline:
            raise DeadlineError("the deadline passed before the request had arrived")
        if len(self._pending) >= self._most or now + HEADROOM * wait > deadline:
            self._accounting.rejected("overloaded")
            error = OverloadedError("too many requests are waiting; try again later")
            error.retry_after_s = max(1, math.ceil(wait))
            raise error
