"""Deal rows into parts, and into what is learnt from and what is scored. Knows nothing of what they hold."""

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Fold = tuple[Integers, Integers]
"""Rows to learn from and rows to score, ascending."""

FEWEST = 2
"""Folds without which nothing is crossed."""


def deal(y: Integers, parts: int, seed: int) -> list[Integers]:
    """Return the rows of each part, int64, ascending: of each class, int64 [rows], a share by lot.

    Parts differ by one row at most, in all and of each class.
    """
    shuffled = np.random.default_rng(seed).permutation(len(y))
    # One after the other, class by class: a part gets every `parts`-th row of each.
    order = shuffled[np.argsort(y[shuffled], kind="stable")]
    return [np.sort(order[place::parts]) for place in range(parts)]


def together(y: Integers, units: Integers, most: int, seed: int) -> list[Fold]:
    """Return at most so many folds, each row scored in one, with the rows of a unit on one side.

    `y` and `units` are int64 [rows]. Units are dealt by lot, alike in their commonest class and in their
    size. Raises ValueError for fewer than two units.
    """
    found, unit, sizes = np.unique(units, return_inverse=True, return_counts=True)
    if len(found) < FEWEST:
        raise ValueError("all train rows stay together")
    classes = int(y.max()) + 1
    commonest = np.bincount(unit * classes + y, minlength=len(found) * classes).reshape(-1, classes).argmax(1)
    place = np.empty(len(found), np.int64)
    for part, members in enumerate(deal(commonest * (sizes.max() + 1) + sizes, min(most, len(found)), seed)):
        place[members] = part
    return [_fold(place[unit] != part, place[unit] == part) for part in range(int(place.max()) + 1)]


def forward(times: Integers, most: int) -> list[Fold]:
    """Return at most so many folds, each of which learns from all rows before those that it scores.

    `times`, int64 [rows], sort as the instants do; rows of one instant are on one side. Raises ValueError
    for too few instants to have two folds.
    """
    _, unit, sizes = np.unique(times, return_inverse=True, return_counts=True)
    middle = (np.cumsum(sizes) - sizes / 2) / len(times)
    _, block = np.unique((middle * (most + 1)).astype(np.int64), return_inverse=True)
    if block.max() < FEWEST:
        raise ValueError(f"{len(sizes)} different times of train rows are too few")
    place = block[unit]
    return [_fold(place < part, place == part) for part in range(1, int(place.max()) + 1)]


def _fold(learnt: NDArray[np.bool_], scored: NDArray[np.bool_]) -> Fold:
    return np.flatnonzero(learnt), np.flatnonzero(scored)
