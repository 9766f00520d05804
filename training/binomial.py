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
    seen = np.arange(errors + 1)
    choices = np.concatenate([[0.0], np.cumsum(np.log(rows - seen[:-1]) - np.log(seen[1:]))])
    low, high = errors / rows, 1.0
    for _ in range(HALVINGS):
        rate = (low + high) / 2
        terms = choices + seen * math.log(rate) + (rows - seen) * math.log1p(-rate)
        if np.logaddexp.reduce(terms) > math.log(1 - LEVEL):
            low = rate
        else:
            high = rate
    return high


def rows_without_error(rate: float) -> int:
    """Return how many rows, none of them wrong, bound the error rate at `rate`."""
    return math.ceil(math.log(1 - LEVEL) / math.log1p(-rate))
