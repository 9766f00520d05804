"""Part rows so that either part has its share of every class. Knows nothing of what the rows hold."""

import math

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]


def part(y: Integers, share: float, seed: int) -> tuple[Integers, Integers]:
    """Draw `share` of the rows, rounded up, for the second part and leave the others to the first.

    `y` is each row's class, int64 [rows], every class at least once. Returns the rows of either part, int64,
    shuffled. They are those of scikit-learn's `train_test_split(..., stratify=y)`, in its order: a seed
    keeps its meaning, and scikit-learn takes a second to import.
    """
    random = np.random.RandomState(seed)  # NumPy never changes what it draws
    counts = np.bincount(y)
    size = math.ceil(share * len(y))
    ends = _apportion(counts, len(y) - size, random)
    _apportion(counts - ends, size, random)  # which is all of the rest, but scikit-learn draws lots for it
    classes = [random.permutation(np.flatnonzero(y == index)) for index in range(len(counts))]
    first = np.concatenate([rows[:end] for rows, end in zip(classes, ends, strict=True)])
    second = np.concatenate([rows[end:] for rows, end in zip(classes, ends, strict=True)])
    return random.permutation(first), random.permutation(second)


def _apportion(counts: Integers, total: int, random: np.random.RandomState) -> Integers:
    """Give each class its share of `total` rows, what is left by the largest remainders, ties by lot."""
    exact = counts / counts.sum() * total
    given: Integers = np.floor(exact).astype(np.int64)
    remainders = exact - given
    left = total - int(given.sum())
    for remainder in np.unique(remainders)[::-1]:
        if not left:
            break
        tied = np.flatnonzero(remainders == remainder)
        drawn = random.choice(tied, min(len(tied), left), replace=False)
        given[drawn] += 1
        left -= len(drawn)
    return given
