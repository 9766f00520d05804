"""Flags that the processes of one service share: where it is in its life, and what is told of its workers."""

import mmap

DRAINING, SETTLED = 0, 1
"""The first flags; of the others each worker has two."""
GREETED, STUCK = 2, 3


class Flags:
    """Anonymous shared memory: a flag set in one process is seen by all in their next request."""

    def __init__(self, workers: int) -> None:
        self._flags = mmap.mmap(-1, 2 + 2 * workers)

    def draining(self) -> bool:
        """Return whether the service is about to end and should get no new traffic."""
        return self._flags[DRAINING] != 0

    def start_draining(self) -> None:
        """Tell every process."""
        self._flags[DRAINING] = 1

    def settled(self) -> bool:
        """Return whether all that the store had at the start was loaded, or refused."""
        return self._flags[SETTLED] != 0

    def settle(self) -> None:
        """Tell every process."""
        self._flags[SETTLED] = 1

    def mark_greeted(self, worker: int) -> None:
        """Say that the worker in slot `worker` is ready."""
        self._flags[2 * worker + GREETED] = 1

    def take_greeted(self, worker: int) -> bool:
        """Return whether the worker was marked as ready, and take the mark off."""
        return self._take(2 * worker + GREETED)

    def mark_stuck(self, worker: int) -> None:
        """Say that the worker in slot `worker` is being ended because it stopped answering."""
        self._flags[2 * worker + STUCK] = 1

    def take_stuck(self, worker: int) -> bool:
        """Return whether the worker was marked as stuck, and take the mark off."""
        return self._take(2 * worker + STUCK)

    def _take(self, flag: int) -> bool:
        marked = self._flags[flag] != 0
        self._flags[flag] = 0
        return marked
