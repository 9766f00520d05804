"""Deal rows into parts that are alike in their classes. Knows nothing of what the rows hold."""

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]


def deal(y: Integers, parts: int, seed: int) -> list[Integers]:
    """Return the rows of each part, int64, ascending: of each class, int64 [rows], a share by lot.

    Parts differ by one row at most, in all and of each class.
    """
    shuffled = np.random.default_rng(seed).permutation(len(y))
    # One after the other, class by class: a part gets every `parts`-th row of each.
    order = shuffled[np.argsort(y[shuffled], kind="stable")]
    return [np.sort(order[place::parts]) for place in range(parts)]
