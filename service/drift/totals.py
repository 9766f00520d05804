"""The totals of one version in one worker's slot: a file that the worker writes and HTTP processes read.

After a line of JSON, the `Layout`, padded to whole pages, it holds float64: when its version was last loaded,
how often it was written, two halves of which the last one written holds, and marks: when a minute began, and
the totals then. Whoever is killed while writing leaves the totals before.
"""

from __future__ import annotations

import math
import mmap
import time
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from service.drift.columns import Column  # noqa: TC001 - msgspec reads the annotations
from service.run_directory import drift_path

if TYPE_CHECKING:
    from pathlib import Path

MARK_S = 60.0
"""How far marks are apart at least."""
MARKS = 61
"""Enough for an hour."""
WINDOW_S = 3600.0

Counts = NDArray[np.float64]


class Layout(msgspec.Struct, frozen=True):
    """What the totals of a version are, in their order.

    The bins of each column; the rows; the expected confusion [predicted, actual], log-loss and Brier score.
    """

    model: str
    version: str
    digest: str
    classes: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def bins(self) -> int:
        """How many bins all columns have."""
        return sum(len(column.bins) for column in self.columns)

    @property
    def width(self) -> int:
        """How many totals there are."""
        return self.bins + 1 + len(self.classes) ** 2 + 2


class _Open:
    """A file's parts, in memory that all its readers share."""

    def __init__(self, path: Path, *, write: bool) -> None:
        with path.open("r+b" if write else "rb") as file:
            line = file.readline()
            self.layout = msgspec.json.decode(line, type=Layout)
            held = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_WRITE if write else mmap.ACCESS_READ)
        width = self.layout.width
        numbers = np.frombuffer(held, np.float64, offset=_padded(len(line)))
        self.halves = numbers[2 : 2 + 2 * width].reshape(2, width)
        marks = numbers[2 + 2 * width :].reshape(MARKS, 1 + width)
        self.loaded, self.written = numbers[:1], numbers[1:2]
        self.times, self.marks = marks[:, 0], marks[:, 1:]

    @property
    def totals(self) -> Counts:
        """The half that holds."""
        half: Counts = self.halves[int(self.written[0]) % 2]
        return half


class Totals(_Open):
    """The totals as their worker writes them; the next worker of the slot goes on with them."""

    def __init__(self, metrics: Path, slot: int, layout: Layout) -> None:
        """Open the file of a slot and a version. Raises as Read does."""
        path = drift_path(metrics, slot, layout.digest)
        if not path.exists():
            line = msgspec.json.encode(layout) + b"\n"
            numbers = 2 + 2 * layout.width + MARKS * (1 + layout.width)
            draft = path.with_name(f"{path.name}.draft")
            try:
                # Written, not left as a hole: memory without room behind it would kill the worker.
                draft.write_bytes(line + bytes(_padded(len(line)) - len(line) + 8 * numbers))
                draft.rename(path)
            except OSError:  # and it leaves the room to others
                draft.unlink(missing_ok=True)
                raise
        super().__init__(path, write=True)
        self.loaded[0] = time.monotonic()
        self._marked = self.times.max() or -math.inf

    def add(self, counts: Counts) -> None:
        """Count."""
        now, totals = time.monotonic(), self.totals
        if now - self._marked >= MARK_S:
            place = int(self.times.argmin())
            self.marks[place] = totals
            self.times[place] = self._marked = now
        turn = int(self.written[0]) + 1
        np.add(totals, counts, out=self.halves[turn % 2])
        self.written[0] = turn


class Read(_Open):
    """The totals as another process reads them."""

    def __init__(self, path: Path) -> None:
        """Open a file. Raises OSError, and ValueError where there is another thing in it."""
        super().__init__(path, write=False)

    def now(self) -> Counts:
        """Return the totals."""
        while True:
            turn = self.written[0]
            found = self.totals.copy()
            if self.written[0] == turn:  # else the half may have been written again meanwhile
                return found

    def window(self) -> Counts:
        """Return what was counted in the last hour, to a minute."""
        found, since = self.now(), time.monotonic() - WINDOW_S
        recent = np.flatnonzero((self.times > 0) & (self.times >= since))
        if not len(recent):
            return np.zeros_like(found)
        before: Counts = self.marks[recent[self.times[recent].argmin()]]
        return found - before


def _padded(length: int) -> int:
    return -(-length // mmap.PAGESIZE) * mmap.PAGESIZE
