"""How many connections each HTTP process holds, for all of them to see. Knows nothing of connections."""

import mmap

CLOSED = 2**31 - 1
"""What a process that accepts nobody is taken to hold."""
CHURN = 200
"""Connections of one process that end in a second: where more come and go, nothing is there to balance."""


class Shares:
    """Anonymous shared memory: a number for each slot, written by its process, and by main when it ended."""

    def __init__(self, processes: int) -> None:
        self._held = memoryview(mmap.mmap(-1, 4 * processes)).cast("i")
        for slot in range(processes):
            self.close(slot)
        self._ended = self._ended_before = 0

    def open(self, slot: int) -> None:
        """Say that the process of `slot` accepts, and holds no connection yet."""
        self._held[slot] = 0

    def close(self, slot: int) -> None:
        """Say that it accepts no more."""
        self._held[slot] = CLOSED

    def add(self, slot: int, connections: int) -> None:
        """Count connections of `slot` that came, or went, while it accepts."""
        self._ended -= min(0, connections)
        if self._held[slot] != CLOSED:
            self._held[slot] += connections

    def crowded(self, slot: int, *, coming: int = 0) -> bool:
        """Return whether another process should get the next connection, once `coming` more are counted.

        It should if it holds fewer by more than one, and by more than a quarter of what it holds, unless
        connections do not stay.
        """
        fewest = min(self._held)
        stay = max(self._ended, self._ended_before) <= CHURN
        return stay and self._held[slot] + coming > fewest + 1 + fewest // 4

    def tick(self) -> None:
        """Take note that a second went by, or that nobody was connected."""
        self._ended, self._ended_before = 0, self._ended

    def surplus(self, slot: int) -> int:
        """Return how many connections too many the process of `slot` holds.

        None if that is no more than half over its share, or one more than its share.
        """
        accepting = [held for held in self._held if held != CLOSED]
        share = sum(accepting) / max(1, len(accepting))
        over = self._held[slot] - share
        return int(over) if over > max(1, share / 2) else 0
