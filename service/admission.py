"""Who gets in: by what waits, and by what the time left allows. Knows nothing of who asks."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from service.errors import OverloadedError

if TYPE_CHECKING:
    from service.accounting import Accounting
    from service.batcher import Batcher

HEADROOM = 2
"""A wait is admitted that fits so many times into the time left: the pace is only an estimate, and what
expires in the queue took a place in vain."""


class Admission:
    """The door in front of one HTTP process's queue."""

    def __init__(self, batcher: Batcher, most: int, accounting: Accounting) -> None:
        """`most` is how many requests may be admitted and unanswered."""
        self._batcher = batcher
        self._most = most
        self._accounting = accounting

    def check(self, deadline: float) -> None:
        """Raise OverloadedError when one more request cannot be taken, or could not be served in time."""
        wait = self._batcher.expected_wait_s()
        if self._batcher.pending() >= self._most or time.monotonic() + HEADROOM * wait > deadline:
            self._accounting.rejected("overloaded")
            error = OverloadedError("too many requests are waiting; try again later")
            error.retry_after_s = max(1, math.ceil(wait))
            raise error
