"""Mean and deviation of a long column without a second copy of it. Knows nothing of what it holds."""

import math

import numpy as np
from numpy.typing import NDArray

BLOCK_ROWS = 1 << 14
"""Rows that are looked at at once: in float64 they stay in a core's cache."""


def moments(values: NDArray[np.floating], missing: float = math.nan) -> tuple[float, float]:
    """Return mean and standard deviation (of n) of values [rows], of which there is one at least.

    NaN counts as `missing`. Blocks are put together as Chan, Golub and LeVeque (1983) do. Equal values have
    a deviation of exactly 0.
    """
    rows, mean, squares, first = 0, 0.0, 0.0, None
    for start in range(0, len(values), BLOCK_ROWS):
        block = values[start : start + BLOCK_ROWS].astype(np.float64)
        own = block.mean()
        if np.isnan(own):
            block[np.isnan(block)] = missing
            own = block.mean()
        first = block[0] if first is None else first
        if block[-1] == first and (block == first).all():
            own = first  # rounding gives equal values a tiny deviation from their mean
        block -= own
        shift, before, count = own - mean, rows, len(block)
        rows += count
        mean = own if not before else mean + shift * count / rows
        squares += np.square(block).sum() + shift**2 * before * count / rows
    return float(mean), math.sqrt(squares / rows)
