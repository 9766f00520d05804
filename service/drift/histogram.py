"""Rows to counts: how many fell into each bin of each column. Knows nothing of files, frames or metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from models.inputs import Boolean, Categorical, Numeric
from models.record import SCORE_BINS
from service.drift.columns import edges, told_classes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.inputs import Input
    from models.manifest import Manifest

LANES = 8
MOST_ROWS = 255 * LANES
"""In a call: a lane is a byte."""

TINY = np.finfo(np.float64).tiny
"""Stands for 0, of which 0 log 0 is 0."""

Rows = NDArray[np.float32]
Counts = NDArray[np.float64]


class Histogram:
    """The bins of one version's inputs at `places`, and of its scores."""

    def __init__(self, manifest: Manifest, places: Sequence[int]) -> None:
        inputs = [manifest.inputs[place] for place in places]
        coded = [place for place in places if isinstance(manifest.inputs[place], Categorical)]
        numeric = [place for place in places if place not in set(coded)]
        self._plain = len(numeric) == len(manifest.inputs)
        self._numeric, self._coded = np.array(numeric, np.intp), np.array(coded, np.intp)
        self._numbers = _Numbers([_limits(item) for item in inputs if not isinstance(item, Categorical)])
        sizes = [item.places for item in inputs if isinstance(item, Categorical)]
        self._firsts, self._codes = np.cumsum([0, *sizes])[:-1], sum(sizes)
        self._flat = self._in_order(inputs)
        inner = [_least(place / SCORE_BINS) for place in range(1, SCORE_BINS)]
        told = len(told_classes(manifest))
        self._scores = _Numbers([inner] * told)
        self._decision = manifest.decision
        self._told = np.arange(told)[:, None]
        self._positive = None if manifest.positive is None else manifest.classes.index(manifest.positive)

    def counts(self, rows: Rows, probabilities: Rows) -> Counts:
        """Count encoded rows [rows, inputs] and what the model said of them, float32 [rows, classes].

        They are MOST_ROWS at most. Returns, float64, in this order: the bins of the columns; the rows; and of
        the rows that got probabilities the expected confusion [predicted, actual], log-loss and Brier score,
        summed: what these will be on average if labels come as the probabilities say.
        """
        found = [self._numbers.count(rows if self._plain else rows[:, self._numeric])]
        if self._codes:
            codes = rows[:, self._coded].astype(np.intp) + self._firsts
            found.append(np.bincount(codes.ravel(), minlength=self._codes))
        inputs = np.concatenate(found)[self._flat]
        if np.isnan(probabilities[:, 0]).any():
            probabilities = probabilities[~np.isnan(probabilities[:, 0])]
        told = probabilities[:, : len(self._told)]
        scores = self._scores.count(told).reshape(-1, self._scores.height)[:, :-1]
        p = probabilities.astype(np.float64)
        predicted = self._decision.of_array(probabilities) == self._told
        entropy = -(p * np.log(np.maximum(p, TINY))).sum()
        spread = p * (1 - p)
        # As training's: of the positive one of two classes, and the sum over more.
        brier = (spread if self._positive is None else spread[:, self._positive]).sum()
        expected = predicted.astype(np.float64) @ told.astype(np.float64)
        return np.concatenate(
            [
                inputs,
                scores.ravel(),
                [len(rows)],
                expected.ravel(),
                [entropy, brier],
            ]
        )

    def _in_order(self, inputs: Sequence[Input]) -> NDArray[np.intp]:
        """Return where each bin of each input stands among the numbers' counts and the codes' after them."""
        found: list[int] = []
        number, code = 0, self._numbers.size
        for item in inputs:
            if isinstance(item, Categorical):
                wanted = [*range(len(item.categories)), *([len(item.categories)] if item.rare else [])]
                wanted.append(len(item.categories) + 1)
                last = len(item.categories) + 2
                first, code = code, code + item.places
            else:
                wanted = list(range(len(_limits(item)) + 1))
                last = self._numbers.height - 1
                first, number = number, number + self._numbers.height
            found += [first + place for place in (*wanted, *([last] if item.missing.admitted else []))]
        return np.array(found, np.intp)


class _Numbers:
    """Columns of numbers, each cut by its own ascending limits: a value on one belongs above it."""

    def __init__(self, limits: Sequence[Sequence[np.float32]]) -> None:
        most = max(map(len, limits), default=0)
        self.height = most + 2
        """Counts a column: its bins, some that stay empty, and how many were missing."""
        self.size = len(limits) * self.height
        table = np.full((most + 1, len(limits), 1), np.inf, np.float32)
        table[0] = -np.inf
        for column, own in enumerate(limits):
            table[1 : len(own) + 1, column, 0] = own
        self._limits = table

    def count(self, values: Rows) -> NDArray[np.intp]:
        """Count float32 [rows, columns], MOST_ROWS at most; returns [columns * height]."""
        rows, columns = values.shape
        cells = np.full((columns, -(-rows // LANES) * LANES), np.nan, np.float32)
        cells[:, :rows] = values.T
        # Each comparison is a byte, 0 or 1: eight are added at a time.
        lanes = np.add.reduce((cells >= self._limits).view(np.uint64), axis=2)
        above = lanes.view(np.uint8).reshape(*lanes.shape, LANES).sum(2, dtype=np.intp)
        missing = rows - above[:1]
        bins = above - np.concatenate([above[1:], np.zeros_like(missing)])
        return np.concatenate([bins, missing]).T.ravel()


def _limits(item: Numeric | Boolean) -> list[np.float32]:
    """Return where the bins of an input begin, as float32, so that `>=` tells the same as of the real edge.

    The last bin holds its upper edge, so the next float32 is the first above.
    """
    if isinstance(item, Boolean):
        return [np.float32(0.5)]
    *lower, upper = edges(item)
    return [*map(_least, lower), _after(-_least(-upper))]


def _least(edge: float) -> np.float32:
    """Return the least float32 that is no less than `edge`."""
    with np.errstate(over="ignore"):
        near = np.float32(edge)
    return near if float(near) >= edge else _after(near)


def _after(value: np.float32) -> np.float32:
    with np.errstate(over="ignore"):
        return np.float32(np.nextafter(value, np.float32(np.inf)))
