"""How large a share may be of which a sample is known. Knows nothing of what is counted."""

import math

import numpy as np

LEVEL = 0.95
"""How often a bound holds."""
HALVINGS = 60
"""Of an interval from 0 to 1, until only the rounding of float64 is left."""


def upper_bound(errors: int, rows: int) -> float:
    """Return the exact one-sided bound of 95 % of an error rate, `errors` of `rows` seen (Clopper-Pearson).

    It is the rate at which as few errors would be seen in only 5 % of all samples.
    """
    if errors >= rows:
        return 1.0
    low, high = errors / rows, 1.0
    for _ in range(HALVINGS):
        rate = (low + high) / 2
        low, high = (low, rate) if bounded(errors, rows, rate) else (rate, high)
    return high


def bounded(errors: int, rows: int, rate: float) -> bool:
    """Return whether so few `errors`, fewer than `rows`, are seen in 5 % of all samples or less at `rate`."""
    seen = np.arange(errors + 1)
    choices = np.append(0.0, np.cumsum(np.log(rows - seen[:-1]) - np.log(seen[1:])))
    terms = choices + seen * math.log(rate) + (rows - seen) * math.log1p(-rate)
    return bool(np.logaddexp.reduce(terms) <= math.log(1 - LEVEL))


def rows_for(errors: int, rate: float) -> int:
    """Return how many rows, `errors` of them wrong, bound the error rate at `rate`, and no fewer do."""
    low, high = errors, errors + 1
    while not bounded(errors, high, rate):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if bounded(errors, middle, rate) else (middle, high)
    return high
