"""Dealing rows into parts."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from training.folds import deal


@given(st.lists(st.integers(0, 3), max_size=60), st.integers(1, 6), st.integers(0, 9))
def test_every_row_is_dealt_once_and_parts_are_alike(y: list[int], parts: int, seed: int) -> None:
    """Parts hold each row once, and differ by one row at most, in all and of each class."""
    classes = np.array(y, np.int64)
    dealt = deal(classes, parts, seed)
    assert sorted(np.concatenate(dealt).tolist()) == list(range(len(y)))
    assert np.ptp([len(part) for part in dealt]) <= 1
    for index in range(4):
        assert np.ptp([(classes[part] == index).sum() for part in dealt]) <= 1


def test_the_seed_decides() -> None:
    """The same seed deals alike, another one does not."""
    y = np.arange(100) % 3
    assert all(map(np.array_equal, deal(y, 4, 0), deal(y, 4, 0)))
    assert not all(map(np.array_equal, deal(y, 4, 0), deal(y, 4, 1)))
