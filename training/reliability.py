"""Whether probabilities keep their word, in bins of equal mass. Knows nothing of models or thresholds."""

from dataclasses import dataclass

import numpy as np

from models.decision import BINARY, Decision
from models.record import CalibrationError
from training.curves import Floats, Integers, Truths

MOST_BINS, FEWEST_ROWS = 15, 50
"""Of a bin of 50 rows the share is known to 0.07 at best."""
SIMULATIONS = 1_000
GROUPS = 1_000
"""Neighbours share their mean probability in the simulation once there are more rows than that."""


@dataclass(frozen=True)
class Reliability:
    """Bins by rising score: the mean of what was `predicted`, the `share` that came true, and `rows`."""

    predicted: Floats
    share: Floats
    rows: Integers


def told(probabilities: Floats, y: Integers, decision: Decision) -> tuple[Floats, Truths]:
    """Return what is promised of each row, and whether it came true.

    With two classes it is the positive one's probability, with more that of the most probable class.
    """
    if probabilities.shape[1] == BINARY:
        return probabilities[:, decision.positive], y == decision.positive
    return probabilities.max(1), y == probabilities.argmax(1)


def reliability(scores: Floats, came: Truths) -> Reliability:
    """Bin scores [rows] by equal mass, at most 15 bins of at least 50 rows; equal scores share a bin."""
    order = np.argsort(scores, kind="stable")
    starts = _starts(scores[order])
    rows = np.diff(starts, append=len(scores))
    return Reliability(
        np.add.reduceat(scores[order], starts) / rows,
        np.add.reduceat(came[order].astype(np.float64), starts) / rows,
        rows,
    )


def calibration_error(scores: Floats, came: Truths, seed: int) -> CalibrationError:
    """Find the mean distance of promise and share over bins, by rows, and what luck alone makes of it.

    Outcomes are drawn from the scores themselves, 1,000 times: the distances of a perfectly calibrated model.
    """
    bins = reliability(scores, came)
    sure = _simulated(np.sort(scores), bins, np.random.default_rng(seed))
    return CalibrationError(
        value=float((np.abs(bins.predicted - bins.share) * bins.rows).sum() / len(scores)),
        bins=len(bins.rows),
        calibrated_mean=float(sure.mean()),
        calibrated_high=float(np.quantile(sure, 0.95)),
    )


def _starts(rising: Floats) -> Integers:
    """Return the first row of each bin of sorted scores."""
    rows = len(rising)
    bins = min(max(rows // FEWEST_ROWS, 1), MOST_BINS)
    starts = [0]
    for wanted in np.arange(1, bins) * rows // bins:
        start = int(np.searchsorted(rising, rising[wanted]))
        if start - starts[-1] >= FEWEST_ROWS and rows - start >= FEWEST_ROWS:
            starts.append(start)
    return np.array(starts)


def _simulated(rising: Floats, bins: Reliability, random: np.random.Generator) -> Floats:
    """Return the calibration error of each of SIMULATIONS draws of outcomes."""
    rows = len(rising)
    starts = np.cumsum(bins.rows) - bins.rows
    groups = np.unique(np.concatenate([starts, np.arange(min(rows, GROUPS)) * rows // min(rows, GROUPS)]))
    sizes = np.diff(groups, append=rows)
    means = np.clip(np.add.reduceat(rising, groups) / sizes, 0, 1)
    came = random.binomial(sizes, means, (SIMULATIONS, len(groups)))
    of_bins = np.add.reduceat(came, np.searchsorted(groups, starts), axis=1)
    found: Floats = np.abs(of_bins - bins.predicted * bins.rows).sum(1) / rows
    return found
