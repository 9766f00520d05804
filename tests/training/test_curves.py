"""Cuts through scores, their areas, and thinned curves, against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from training.curves import Cuts, thin

ROWS = st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.5, 0.5000001, 1.0]), st.booleans()), max_size=60)


@given(ROWS)
def test_areas_count_ties_as_scikit_learn_does(rows: list[tuple[float, bool]]) -> None:
    """Whatever is tied, within a class and across, both areas are scikit-learn's to the last digits."""
    scores, positive = map(np.array, zip(*rows, (0.3, True), (0.4, False), strict=True))
    cuts = Cuts.of(scores, positive)
    assert cuts.roc_auc == pytest.approx(metrics.roc_auc_score(positive, scores), abs=1e-12)
    wanted = metrics.average_precision_score(positive, scores)
    assert cuts.average_precision == pytest.approx(wanted, abs=1e-12)


@given(ROWS)
def test_cuts_count_the_rows_from_each_score_on(rows: list[tuple[float, bool]]) -> None:
    """They are what counting says, and the last one has all rows."""
    scores, positive = map(np.array, zip(*rows, (0.3, True), (0.4, False), strict=True))
    cuts = Cuts.of(scores, positive)
    assert cuts.scores.tolist() == sorted(set(scores.tolist()), reverse=True)
    for score, true, false in zip(cuts.scores, cuts.true, cuts.false, strict=True):
        assert (true, false) == ((scores >= score)[positive].sum(), (scores >= score)[~positive].sum())
    assert (cuts.positives, cuts.negatives) == (positive.sum(), (~positive).sum())
    assert cuts.both


def test_curves_need_rows_of_either_kind() -> None:
    """One class alone has no curve."""
    assert not Cuts.of(np.array([0.2, 0.4]), np.array([True, True])).both
    assert not Cuts.of(np.array([0.2, 0.4]), np.array([False, False])).both


@given(st.integers(0, 10**6), st.sampled_from([0.002, 0.05, 0.5]), st.floats(0, 4))
def test_a_thinned_curve_keeps_its_ends_and_its_area(seed: int, share: float, skill: float) -> None:
    """Of 5,000 rows with any skill and any share of positives, 500 points keep both areas to 0.001."""
    generator = np.random.default_rng(seed)
    positive = generator.random(5_000) < share
    positive[:2] = True, False
    cuts = Cuts.of(generator.normal(positive * skill), positive)
    recall, alarms = np.append(0, cuts.true) / cuts.positives, np.append(0, cuts.false) / cuts.negatives
    precision = np.append(1, cuts.true / (cuts.true + cuts.false))
    for x, y in ((alarms, recall), (recall, precision)):
        kept = thin(x, y, 500)
        assert len(kept) == 500
        assert (kept[0], kept[-1]) == (0, len(x) - 1)
        assert np.trapezoid(y[kept], x[kept]) == pytest.approx(np.trapezoid(y, x), abs=1e-3)


def test_a_straight_curve_is_halved_by_its_length() -> None:
    """A perfect ranking keeps points all along both of its edges."""
    x = np.append(np.zeros(10_000), np.linspace(0, 1, 100))
    y = np.append(np.linspace(0, 1, 10_000), np.ones(100))
    kept = thin(x, y, 50)
    for edge in (x[kept], y[kept]):
        assert np.diff(np.unique(edge)).max() < 0.2


def test_a_short_curve_stays_as_it_is() -> None:
    """There is nothing to thin in as many points as are admitted."""
    points = np.linspace(0, 1, 500)
    assert thin(points, points**2, 500).tolist() == list(range(500))
