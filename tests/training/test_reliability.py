"""Bins of equal mass and the error that luck alone makes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.decision import Decision
from training.reliability import calibration_error, reliability, told


@given(st.integers(1, 2_000), st.integers(1, 400), st.integers(0, 99))
def test_bins_are_few_and_full_and_part_no_ties(rows: int, distinct: int, seed: int) -> None:
    """At most 15, of 50 rows if there are so many, and together all rows; equal scores share one."""
    generator = np.random.default_rng(seed)
    scores, came = generator.integers(0, distinct, rows) / distinct, generator.random(rows) < 0.5
    bins = reliability(scores, came)
    assert len(bins.rows) <= 15
    assert bins.rows.min() >= min(rows, 50)
    assert bins.rows.sum() == rows
    assert bins.rows @ bins.predicted == pytest.approx(scores.sum())
    assert bins.rows @ bins.share == pytest.approx(came.sum())
    ends = np.cumsum(bins.rows)[:-1]
    assert (np.sort(scores)[ends] > np.sort(scores)[ends - 1]).all()


def test_the_error_is_the_mean_distance_over_bins() -> None:
    """Two bins by hand: 0.2 is promised and 0.4 comes, 0.9 is promised and 0.7 comes."""
    scores = np.repeat([0.2, 0.9], [50, 100])
    came = np.concatenate([np.arange(50) < 20, np.arange(100) < 70])
    found = calibration_error(scores, came, 0)
    assert (found.bins, found.value) == (2, pytest.approx(0.2))


def test_a_calibrated_model_is_within_its_own_luck() -> None:
    """Outcomes drawn from the scores are below the 95 % point about 95 times of 100, and around the mean."""
    generator = np.random.default_rng(0)
    scores = generator.beta(0.5, 0.5, 114)
    found = [calibration_error(scores, generator.random(114) < scores, 0) for _ in range(300)]
    assert np.mean([each.value <= each.calibrated_high for each in found]) == pytest.approx(0.95, abs=0.03)
    assert np.mean([each.value for each in found]) == pytest.approx(found[0].calibrated_mean, rel=0.1)


def test_many_rows_are_simulated_by_groups_as_if_alone() -> None:
    """Where neighbours share their mean, the luck is that of the rows one by one."""
    generator = np.random.default_rng(0)
    scores = np.sort(generator.beta(0.5, 2, 5_000))
    values = [calibration_error(scores, generator.random(5_000) < scores, 0) for _ in range(60)]
    assert np.mean([each.value for each in values]) == pytest.approx(values[0].calibrated_mean, rel=0.1)


def test_two_classes_promise_the_positive_and_more_the_most_probable() -> None:
    """And it came true when the row is of that class."""
    scores, came = told(np.array([[0.7, 0.3], [0.2, 0.8]]), np.array([0, 0]), Decision(2, 0.5, 0))
    assert (scores.tolist(), came.tolist()) == ([0.7, 0.2], [True, True])
    scores, came = told(np.array([[0.7, 0.2, 0.1], [0.2, 0.3, 0.5]]), np.array([0, 1]), Decision(3, 0.5))
    assert (scores.tolist(), came.tolist()) == ([0.7, 0.5], [True, False])
