"""Who gets in: by what waits, and by what the time left allows. Knows nothing of who asks."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from service.errors import OverloadedError

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
        """Raise OverloadedError when one more request cannot be taken, or could not be served in time."""
        wait = self._expected_wait_s()
        if len(self._pending) >= self._most or time.monotonic() + HEADROOM * wait > deadline:
            self._accounting.rejected("overloaded")
            error = OverloadedError("too many requests are waiting; try again later")
            error.retry_after_s = max(1, math.ceil(wait))
            raise error
