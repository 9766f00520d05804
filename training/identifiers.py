"""Tell names of rows from what rows have in common. Knows nothing of files or flags."""

import numpy as np
from numpy.typing import NDArray

NEARLY = 0.9
"""The share of the cells that must differ."""
DENSE = 0.5
"""The share of the values between the least and the largest, in equal steps, that must be there.

As many draws with replacement would be at most 79 % different: who meets both limits was numbered.
"""
FLOAT32_WHOLE = 2**24
"""Beyond it float32 does not tell whole numbers apart."""
LUCK = 3.0
"""Standard errors of the rank statistic within which an order is luck."""

COUNTS = "an identifier: it counts the rows"
NUMBERED = "an identifier: whole numbers, nearly all different, in no order with the target"
SUSPECT = "whole numbers, nearly all different, in no order with the target"
CERTAIN = (COUNTS, NUMBERED)

Floats = NDArray[np.float64]


def reason(values: Floats, distinct: int, y: NDArray[np.signedinteger]) -> str | None:
    """Return why a column of numbers, [rows], is an identifier of rows, or None.

    It is one if its numbers are whole, at least NEARLY of them differ (`distinct`, of the cells as written),
    and they count up in the file's order with few holes, whatever the target; or have no order with the
    classes `y` and are either few holes from a count or beyond FLOAT32_WHOLE. Other whole numbers that are
    nearly all different and have no order with the classes are only suspect (the reason is not among
    CERTAIN): an income in cents may be so too.
    """
    there = ~np.isnan(values)
    found = values[there]
    if len(found) < 3 or distinct < NEARLY * len(found) or (found != np.floor(found)).any():  # noqa: PLR2004
        return None
    steps = np.diff(np.unique(found))
    dense = bool(len(steps)) and _dense(steps)
    if dense and (np.diff(found) > 0).all():
        return COUNTS
    if _ordered(found, y[there]):
        return None
    return NUMBERED if dense or np.abs(found).max() > FLOAT32_WHOLE else SUSPECT


def _dense(steps: Floats) -> bool:
    if steps.max() >= 2.0**62:
        return False
    step = int(np.gcd.reduce(steps.astype(np.int64)))
    return bool(len(steps) >= DENSE * steps.sum() / step)


def _ordered(values: Floats, y: NDArray[np.signedinteger]) -> bool:
    """Tell whether the ranks of any class differ from the others' by more than luck (Mann and Whitney)."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    rows = len(values)
    members = np.bincount(y)
    sums = np.bincount(y, ranks)
    split = (members > 0) & (members < rows)
    inside, outside = members[split].astype(np.float64), rows - members[split]
    expected = inside * (rows + 1) / 2
    error = np.sqrt(inside * outside * (rows + 1) / 12)
    return bool((np.abs(sums[split] - expected) > LUCK * error).any())
