"""The bootstrap against resampling by hand, and against closed forms."""

import numpy as np
import pytest
from sklearn import metrics

from training.bootstrap import MOST_ROWS, intervals, of_mean


def sample(rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return losses, scores with ties, and classes of rows."""
    generator = np.random.default_rng(seed)
    y = generator.integers(0, 2, rows)
    scores = np.round(1 / (1 + np.exp(-generator.normal(2.0 * y - 1))), 2).clip(0.01, 0.99)
    return -np.log(np.where(y == 1, scores, 1 - scores)), scores, y


def test_intervals_are_those_of_resampling_with_scikit_learn() -> None:
    """A plain stratified bootstrap, row by row, comes to the same ends but for its luck."""
    losses, scores, y = sample(120)
    found = intervals(losses, scores[:, None], y[:, None] == 1, y, 0)
    generator = np.random.default_rng(1)
    drawn = [
        np.concatenate([generator.choice(np.flatnonzero(y == c), (y == c).sum()) for c in (0, 1)])
        for _ in range(600)
    ]
    for interval, values in (
        (found.log_loss, [losses[rows].mean() for rows in drawn]),
        (found.roc_auc, [metrics.roc_auc_score(y[rows], scores[rows]) for rows in drawn]),
        (found.average_precision, [metrics.average_precision_score(y[rows], scores[rows]) for rows in drawn]),
    ):
        assert interval is not None
        wanted = np.quantile(values, [0.025, 0.975])
        assert [interval.low, interval.high] == pytest.approx(wanted, abs=0.2 * np.ptp(wanted))


def test_the_width_shrinks_with_the_rows_and_stops_at_the_cap() -> None:
    """Of a mean the interval is 3.92 standard errors wide, of as many rows as are resampled."""
    for rows in (2_000, 120_000):
        losses, scores, y = sample(rows)
        found = intervals(losses, scores[:, None], y[:, None] == 1, y, 0).log_loss
        wanted = 3.92 * losses.std() / np.sqrt(min(rows, MOST_ROWS))
        assert found.high - found.low == pytest.approx(wanted, rel=0.1)
        assert found.low < losses.mean() < found.high


def test_a_mean_has_the_width_of_all_rows() -> None:
    """Though not all of them are resampled; of equal values it has none."""
    for rows in (2_000, 200_000):
        losses, _, y = sample(rows)
        found = of_mean(losses, y, 0)
        assert found.high - found.low == pytest.approx(3.92 * losses.std() / np.sqrt(rows), rel=0.1)
        assert found.low < losses.mean() < found.high
        same = of_mean(np.zeros(rows), y, 0)
        assert (same.low, same.high) == (0, 0)


def test_the_seed_decides() -> None:
    """The same seed gives the same interval, another one does not."""
    losses, scores, y = sample(60)
    first, same, other = (intervals(losses, scores[:, None], y[:, None] == 1, y, seed) for seed in (0, 0, 1))
    assert first == same != other


def test_a_class_without_rows_has_no_area_and_a_single_row_stays() -> None:
    """The log-loss has its interval all the same."""
    losses, scores, y = sample(50)
    lone = intervals(losses, scores[:, None], np.zeros((50, 1), np.bool_), np.zeros(50, np.int64), 0)
    assert (lone.roc_auc, lone.average_precision) == (None, None)
    assert lone.log_loss.low < lone.log_loss.high
    y[:] = 0
    y[0] = 1
    assert intervals(losses, scores[:, None], y[:, None] == 1, y, 0).roc_auc is not None
