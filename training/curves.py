"""What each cut through scores would answer, and the areas under its curves. Knows nothing of models."""

import heapq
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Truths = NDArray[np.bool_]

STRAIGHT = 1e-12
"""Twice the area of a triangle that is none but for rounding."""


@dataclass(frozen=True)
class Cuts:
    """The rows at or above each distinct score: `true` positives and `false` ones, scores descending."""

    scores: Floats
    true: Integers
    false: Integers

    @classmethod
    def of(cls, scores: Floats, positive: Truths) -> Self:
        """Count along scores [rows] which of the rows, of which there is one at least, are positive."""
        order, ends = ranked(scores)
        true = np.cumsum(positive[order], dtype=np.int64)[ends]
        return cls(scores[order[ends]], true, ends + 1 - true)

    @property
    def positives(self) -> int:
        """How many rows are positive."""
        return int(self.true[-1])

    @property
    def negatives(self) -> int:
        """How many are not."""
        return int(self.false[-1])

    @property
    def both(self) -> bool:
        """Whether there are rows of either kind, without which no curve exists."""
        return self.positives > 0 and self.negatives > 0

    @property
    def roc_auc(self) -> float:
        """The share of pairs of a positive row and another in which it scores higher; ties are half."""
        before = np.concatenate([[0], self.true[:-1]])
        doubled = int((np.diff(self.false, prepend=0) * (before + self.true)).sum())
        return doubled / (2 * self.positives * self.negatives)

    @property
    def average_precision(self) -> float:
        """The mean of the precision at each positive row's score, not interpolated, as scikit-learn's."""
        precision = self.true / (self.true + self.false)
        return float((np.diff(self.true, prepend=0) * precision).sum() / self.positives)


def ranked(scores: Floats) -> tuple[Integers, Integers]:
    """Return the rows by falling score, and the places of the last of each distinct one among them."""
    order = np.argsort(-scores, kind="stable")
    falling = scores[order]
    return order, np.append(np.flatnonzero(falling[1:] != falling[:-1]), len(scores) - 1)


def thin(x: Floats, y: Floats, most: int) -> Integers:
    """Return which points of a curve to keep, ascending: the first, the last and at most `most`.

    Again and again the chord that cuts off the largest triangle goes through its tip instead, after Ramer,
    Douglas and Peucker; of a straight piece, the longest is halved.
    """
    kept = {0, len(x) - 1}
    if len(x) <= most:
        return np.arange(len(x))
    heap = [_widest(x, y, 0, len(x) - 1)]
    while len(kept) < most:
        *_, start, tip, end = heapq.heappop(heap)
        kept.add(tip)
        for piece in ((start, tip), (tip, end)):
            if piece[1] - piece[0] > 1:
                heapq.heappush(heap, _widest(x, y, *piece))
    return np.array(sorted(kept))


def _widest(x: Floats, y: Floats, start: int, end: int) -> tuple[float, float, int, int, int]:
    """Return what a heap orders by, and the point between two that is furthest from their chord."""
    dx, dy = x[end] - x[start], y[end] - y[start]
    inside = slice(start + 1, end)
    triangles = np.abs(dx * (y[inside] - y[start]) - dy * (x[inside] - x[start]))
    widest = int(triangles.argmax())
    if triangles[widest] < STRAIGHT:
        return 0.0, -abs(dx) - abs(dy), start, (start + end) // 2, end
    return -float(triangles[widest]), 0.0, start, start + 1 + widest, end
