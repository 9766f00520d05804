"""Dealing rows into parts."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.folds import deal, forward, together


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


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(-5, 9)), min_size=1, max_size=60), st.integers(2, 6))
def test_units_stay_on_one_side(rows: list[tuple[int, int]], most: int) -> None:
    """Each row is scored once, and learnt from in all other folds, with the rest of its unit."""
    y, units = np.array(rows, np.int64).T
    count = len(set(units.tolist()))
    if count == 1:
        with pytest.raises(ValueError, match="all train rows stay together"):
            together(y, units, most, 0)
        return
    folds = together(y, units, most, 0)
    assert len(folds) == min(most, count)
    assert sorted(np.concatenate([scored for _, scored in folds]).tolist()) == list(range(len(y)))
    for learnt, scored in folds:
        assert sorted([*learnt, *scored]) == list(range(len(y)))
        assert not set(units[learnt]) & set(units[scored])
        assert len(learnt)
        assert len(scored)


def test_folds_are_alike_in_classes_and_in_size() -> None:
    """Large units and those of a rare class are spread over all of them."""
    units = np.repeat(np.arange(120), np.r_[np.full(10, 50), np.ones(110, np.int64)])
    y = (units % 12 == 11).astype(np.int64)
    folds = together(y, units, 5, 0)
    assert np.ptp([len(scored) for _, scored in folds]) <= 2
    assert np.ptp([len(set(units[scored][y[scored] == 1])) for _, scored in folds]) <= 1
    assert all(map(np.array_equal, folds[0], together(y, units, 5, 0)[0]))
    assert not np.array_equal(folds[0][1], together(y, units, 5, 1)[0][1])


@given(st.lists(st.integers(-9, 9), min_size=1, max_size=60), st.integers(2, 6))
def test_no_fold_learns_from_what_comes_later(times: list[int], most: int) -> None:
    """Nor from the same instant; what was scored is learnt from in the next."""
    given_times = np.array(times, np.int64)
    try:
        folds = forward(given_times, most)
    except ValueError as error:
        assert "different times of train rows are too few" in str(error)  # noqa: PT017 - any of both is right
        return
    assert 2 <= len(folds) <= most
    for learnt, scored in folds:
        assert given_times[learnt].max() < given_times[scored].min()
    for (learnt, scored), (later, _) in itertools.pairwise(folds):
        assert sorted([*learnt, *scored]) == later.tolist()
    assert sorted([*folds[-1][0], *folds[-1][1]]) == list(range(len(times)))


def test_times_that_differ_are_parted_evenly() -> None:
    """Whatever the order of the rows."""
    times = np.random.default_rng(0).permutation(600)
    assert [(len(learnt), len(scored)) for learnt, scored in forward(times, 5)] == [
        (100, 100),
        (200, 100),
        (300, 100),
        (400, 100),
        (500, 100),
    ]
