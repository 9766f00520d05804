"""How far a number owes to the luck of its rows: a stratified bootstrap. Knows nothing of models."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from models.cores import usable_cores
from models.record import Interval, Intervals
from training.curves import Floats, Integers, Truths, ranked

RESAMPLES = 1_000
MOST_ROWS = 50_000
"""Rows that are resampled; of more, as many are drawn once, and the intervals are those of so few."""
MOST_SCORES = 75_000
"""The same for rows times curves: the time goes there."""
BLOCK = 1 << 18
"""Counts that are held at once: they stay in a processor's cache."""
AHEAD = 8
"""Blocks that are drawn, one after the other, before threads look at them."""
ENDS = (0.025, 0.975)


def intervals(losses: Floats, scores: Floats, positive: Truths, y: Integers, seed: int) -> Intervals:
    """Find intervals of 95 % of the means of losses [rows] and of the curves' areas.

    `scores` and `positive` are [rows, curves], and areas are averaged over curves. Rows are drawn anew within
    each class of y [rows], so that class counts stay. A curve without rows of either kind has no area: null.
    """
    rows = _drawn(y, min(MOST_ROWS, MOST_SCORES // scores.shape[1]), np.random.default_rng(seed))
    losses, scores, positive, y = losses[rows], scores[rows], positive[rows], y[rows]
    curves = [_Curve(*each) for each in zip(scores.T, positive.T, strict=True)]
    found: list[list[Floats]] = [[], [], []]
    drawn = _resampled(np.bincount(y), np.random.default_rng(seed))

    def areas(counts: Integers) -> Floats:
        found: Floats = np.mean([curve.areas(counts) for curve in curves], axis=0)
        return found

    with ThreadPoolExecutor(usable_cores()) as pool:
        while blocks := list(islice(drawn, AHEAD)):
            found[0] += [counts @ losses / len(rows) for counts in blocks]
            if all(0 < curve.positives < len(rows) for curve in curves):
                for roc, precision in pool.map(areas, blocks):
                    found[1].append(roc)
                    found[2].append(precision)
    log_loss, roc_auc, average_precision = map(_interval, found)
    assert log_loss is not None  # noqa: S101 - every resample has a loss
    return Intervals(log_loss=log_loss, roc_auc=roc_auc, average_precision=average_precision)


def of_mean(values: Floats, y: Integers, seed: int) -> Interval:
    """Find the interval of 95 % of a mean of values [rows], rows being drawn anew within each class of y.

    Of more than MOST_ROWS rows as many are resampled, and the interval is made as narrow as it is of all.
    """
    rows = _drawn(y, MOST_ROWS, np.random.default_rng(seed))
    drawn, mean, narrower = values[rows], float(values.mean()), float(np.sqrt(len(rows) / len(values)))
    counts = _resampled(np.bincount(y[rows]), np.random.default_rng(seed))
    found = _interval([each @ drawn / len(rows) for each in counts])
    assert found is not None  # noqa: S101 - every resample has a mean
    low, high = (mean + (end - drawn.mean()) * narrower for end in (found.low, found.high))
    return Interval(low=low, high=high)


class _Curve:
    """One column of scores, sorted once for all resamples, which are counts of its rows."""

    def __init__(self, scores: Floats, positive: Truths) -> None:
        self._order, ends = ranked(scores)
        self._starts = np.append(0, ends[:-1] + 1)
        self._positive = positive[self._order].astype(np.int64)
        self.positives = int(self._positive.sum())

    def areas(self, counts: Integers) -> tuple[Floats, Floats]:
        """Return ROC AUC and average precision of each of counts [resamples, rows], as `curves` has them."""
        counts = counts.take(self._order, 1)  # a resample's counts together; an index would not keep them so
        negatives = counts.shape[1] - self.positives
        gained = counts * self._positive
        if len(self._starts) < counts.shape[1]:  # some scores are equal
            counts, gained = (np.add.reduceat(each, self._starts, axis=1) for each in (counts, gained))
        true, above = np.cumsum(gained, 1), np.cumsum(counts, 1)
        roc = ((counts - gained) * (2 * true - gained)).sum(1) / (2 * self.positives * negatives)
        precision = true / np.maximum(above, 1)  # no row above is none gained
        return roc, np.cumsum(gained * precision, 1)[:, -1] / self.positives


def _drawn(y: Integers, most: int, random: np.random.Generator) -> Integers:
    """Return rows by class, at most about `most`, of each class its share and one at least."""
    share = min(1.0, most / len(y))
    classes = [np.flatnonzero(y == index) for index in np.unique(y)]
    if share == 1:
        return np.concatenate(classes)
    return np.concatenate(
        [random.choice(each, max(1, round(share * len(each))), replace=False) for each in classes]
    )


def _resampled(sizes: Integers, random: np.random.Generator) -> Iterator[Integers]:
    """Yield blocks of counts [resamples, rows] of rows that are sorted by class."""
    rows = int(sizes.sum())
    ends = np.cumsum(sizes)
    for start in range(0, RESAMPLES, max(1, BLOCK // rows)):
        block = min(max(1, BLOCK // rows), RESAMPLES - start)
        drawn = np.concatenate(
            [
                random.integers(end - size, end, (block, size))
                for size, end in zip(sizes, ends, strict=True)
                if size
            ],
            axis=1,
        )
        drawn += np.arange(block)[:, None] * rows
        yield np.bincount(drawn.ravel(), minlength=block * rows).reshape(block, rows)


def _interval(values: list[NDArray[np.float64]]) -> Interval | None:
    if not values:
        return None
    low, high = np.quantile(np.concatenate(values), ENDS).tolist()
    return Interval(low=low, high=high)
