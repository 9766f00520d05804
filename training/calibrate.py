"""A slope and an offset of the logits that make probabilities keep their word. Knows nothing of models."""

import math
from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np

from models.record import Calibration, LogLosses
from training import folds
from training.curves import Floats, Integers
from training.errors import SettingError

Kind = Literal["platt", "temperature"]

FOLDS = 5
AUTO_ROWS = 20
"""Rows outside the commonest class that `auto` wants. With fewer, what it takes loses more than it gains on
fresh rows, in simulations of scores that need calibration too: a few rows can be told apart by luck."""
FLATTEST, STEEPEST = 1e-2, 1e2
"""Slopes between which a temperature is looked for; at an end there is none."""
STEPS = 100
"""Of Newton's method, far more than it takes."""
TOLERANCE = 1e-10
RIDGE = 1e-12
"""Keeps Newton's step finite where all logits are equal."""


class Line(NamedTuple):
    """What logits are multiplied by, and what is added then."""

    slope: float
    offset: float = 0.0

    def of(self, logits: Floats) -> Floats:
        """Return calibrated logits."""
        return logits * self.slope + self.offset


NONE = Calibration(kind="none", parameters={}, log_loss=None)


def choose(
    kind: Literal["none", "auto"] | Kind, logits: Floats, y: Integers, seed: int
) -> tuple[Calibration, Line]:
    """Calibrate logits [rows, k] of class indices [rows]; k is 1 for two classes.

    `auto` takes the one that gains most log-loss, cross-validated in 5 folds, of those that gain more than
    one standard error, or none; none too where fewer than AUTO_ROWS rows are outside the commonest class.
    Raises SettingError, unless it is `auto`, when a class has fewer than 5 rows, or when no slope above 0 is
    the best.
    """
    best: tuple[float, Calibration, Line] = (-math.inf, NONE, Line(1.0))
    if kind == "none" or (kind == "auto" and len(y) - np.bincount(y).max() < AUTO_ROWS):
        return best[1:]
    kinds: list[Kind] = ["platt", "temperature"] if logits.shape[1] == 1 else ["temperature"]
    for each in kinds if kind == "auto" else [kind]:
        try:
            line = _fit(each, logits, y)
        except ValueError as error:
            if kind != "auto":
                raise SettingError(f"--calibrate={kind}: {error}") from error
            continue
        before, after = losses(logits, y), _cross_validated(each, logits, y, seed)
        gain = before - after
        if kind == "auto" and gain.mean() <= gain.std(ddof=1) / math.sqrt(len(y)):
            continue
        if gain.mean() > best[0]:
            parameters = {"slope": line.slope} | ({"offset": line.offset} if each == "platt" else {})
            told = LogLosses(before=float(before.mean()), after=float(after.mean()))
            best = float(gain.mean()), Calibration(kind=each, parameters=parameters, log_loss=told), line
    return best[1:]


def losses(logits: Floats, y: Integers) -> Floats:
    """Return -log p(true class) of each row."""
    wide = _wide(logits)
    found: Floats = np.logaddexp.reduce(wide, axis=1) - wide[np.arange(len(y)), y]
    return found


def platt(logits: Floats, y: Integers) -> Line:
    """Fit slope and offset of one logit a row [rows, 1], after Platt (1999).

    The targets are smoothed as there, (N+ + 1)/(N+ + 2) and 1/(N- + 2), so that rows that are all told apart
    have a finite slope. Newton's method, with halved steps while the loss would rise.
    """
    positives, negatives = int((y == 1).sum()), int((y == 0).sum())
    targets = np.where(y == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    z = logits[:, 0]
    centre, spread = z.mean(), z.std() or 1.0
    x = np.stack([(z - centre) / spread, np.ones_like(z)], 1)

    def loss(weights: Floats) -> float:
        logit = x @ weights
        return float((np.logaddexp(0, logit) - targets * logit).mean())

    weights = np.array([0.0, math.log((positives + 1) / (negatives + 1))])
    for _ in range(STEPS):
        p = np.exp(-np.logaddexp(0, -(x @ weights)))
        hessian = (x.T * (p * (1 - p))) @ x / len(z) + RIDGE * np.eye(2)
        step = np.linalg.solve(hessian, x.T @ (p - targets) / len(z))
        while np.abs(step).max() > TOLERANCE and loss(weights - step) > loss(weights):
            step /= 2
        weights = weights - step
        if np.abs(step).max() <= TOLERANCE:
            break
    slope = weights[0] / spread
    return Line(float(slope), float(weights[1] - slope * centre))


def temperature(logits: Floats, y: Integers) -> Line:
    """Fit a slope from FLATTEST to STEEPEST of logits [rows, k] (Guo and others 2017).

    The loss is convex in it: Newton's method for the root of its derivative, and halving where that leaves
    the interval.
    """
    wide = _wide(logits)
    true = wide[np.arange(len(y)), y].mean()
    low, high, slope = FLATTEST, STEEPEST, 1.0
    for _ in range(STEPS):
        scaled = wide * slope
        p = np.exp(scaled - np.logaddexp.reduce(scaled, axis=1, keepdims=True))
        mean = (p * wide).sum(1)
        gradient = mean.mean() - true
        curvature = ((p * wide**2).sum(1) - mean**2).mean()
        low, high = (slope, high) if gradient < 0 else (low, slope)
        stepped = slope - gradient / curvature if curvature > 0 else math.inf
        found = stepped if low < stepped < high else math.sqrt(low * high)
        if abs(found - slope) <= TOLERANCE * slope:
            break
        slope = found
    return Line(float(slope))


FITS: dict[Kind, Callable[[Floats, Integers], Line]] = {"platt": platt, "temperature": temperature}


def _fit(kind: Kind, logits: Floats, y: Integers) -> Line:
    """Fit to all rows. Raises ValueError for what no calibration can be made of."""
    fewest = np.bincount(y, minlength=max(logits.shape[1], 2)).min()
    if fewest < FOLDS:
        raise ValueError(f"wanted {FOLDS} validation rows of each class at least, and one has {fewest}")
    line = FITS[kind](logits, y)
    if line.slope <= (FLATTEST * 1.01 if kind == "temperature" else 0):
        raise ValueError(
            "no slope above 0 fits the validation rows: the model ranks them no better than luck"
        )
    if kind == "temperature" and line.slope >= STEEPEST / 1.01:
        raise ValueError("the validation rows are told apart so well that no slope is too steep for them")
    return line


def _cross_validated(kind: Kind, logits: Floats, y: Integers, seed: int) -> Floats:
    """Return the loss of each row, calibrated on the other folds."""
    found = np.empty(len(y))
    for rows in folds.deal(y, FOLDS, seed):
        others = np.ones(len(y), np.bool_)
        others[rows] = False
        found[rows] = losses(FITS[kind](logits[others], y[others]).of(logits[rows]), y[rows])
    return found


def _wide(logits: Floats) -> Floats:
    """Return a logit a class: of two classes, the first's is 0."""
    return np.pad(logits, ((0, 0), (1, 0))) if logits.shape[1] == 1 else logits
