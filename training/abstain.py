"""When to answer nothing: a band of probabilities, given or chosen for its risk. Knows nothing of models."""

import math

import numpy as np

from models.decision import BINARY
from models.record import Abstain
from training import binomial
from training.curves import Floats, Truths
from training.errors import SettingError

NARROWEST = 0.1
"""Share of the rows that the first band answers, or more: a single error among the surest few of many rows
must not end the walk."""
STEPS = 50
"""Bands that are tested, at most: in a finer walk more tests can fail by bad luck."""


def parse(text: str, classes: int) -> tuple[float, float]:
    """Read LOW:HIGH for two classes, and HIGH, with a low of 0, for more; ValueError says what was wanted."""
    wanted = "LOW:HIGH, as 0.4:0.6," if classes == BINARY else "the least top probability, as 0.6,"
    parts = text.split(":") if classes == BINARY else ["0", text]
    try:
        low, high = map(float, parts)
    except ValueError:
        low, high = math.nan, math.nan
    if not 0 <= low < high <= 1:
        raise ValueError(f"wanted {wanted} from 0 to 1" + (" with two classes" * (classes == BINARY)))
    return low, high


def given(text: str, classes: int, threshold: float) -> Abstain:
    """Take the band that was given. Raises SettingError unless the threshold of two classes is within it."""
    low, high = parse(text, classes)
    if classes == BINARY and not low <= threshold <= high:
        raise SettingError(f"--abstain={text}: wanted a band around the threshold, {threshold:.4g}")
    return Abstain(low=low, high=high, rule="given")


def by_risk(risk: float, told: Floats, right: Truths, threshold: float | None) -> Abstain:
    """Choose the narrowest band outside of which at most `risk` of the answers are wrong.

    `told` [rows] is the positive class's probability, or with `threshold` None the largest of more classes;
    `right` is whether the answers were. Bands reach from the threshold towards 0 and 1 by equal shares of the
    way. They are tested from the widest on, by the exact bound of 95 % of the error among answered rows; the
    last before the first that fails is taken, so that one test decides and its level holds for all
    (fixed-sequence testing: Bauer 1991; Angelopoulos and others 2021). Raises SettingError when the first
    fails, with the number of rows that it takes.
    """
    sure = _sureness(told, threshold)
    order = np.argsort(-sure, kind="stable")
    falling, wrong = sure[order], np.cumsum(~right[order])
    rows, fewest = len(told), binomial.rows_for(0, risk)
    if rows < fewest:
        raise SettingError(
            f"--abstain-risk={risk:g}: takes {fewest} validation rows of its own without an "
            f"error, and had {rows}"
        )
    chosen = None
    for wanted in _walk(rows, risk):
        answered = int(np.searchsorted(-falling, -falling[wanted - 1], side="right"))  # with its equals
        bound = binomial.upper_bound(int(wrong[answered - 1]), answered)
        if bound > risk:
            break
        chosen = answered
    if chosen is None:
        raise SettingError(
            f"--abstain-risk={risk:g}: of the {answered} surest rows {wrong[answered - 1]} were answered "
            f"wrong, which bounds the risk at {bound:.4g}; it takes {fewest} rows without an error"
        )
    edge = (falling[chosen - 1] + falling[chosen]) / 2 if chosen < rows else 0.0
    low, high = _band(float(edge), threshold)
    return Abstain(low=low, high=high, rule=f"risk:{risk:g}")


def _walk(rows: int, risk: float) -> list[int]:
    """Return how many rows the bands answer, ascending: chosen before labels are seen, or no bound holds.

    Each is the fewest rows that bound the risk in spite of some number of errors, so that none is wasted.
    """
    errors = np.unique(np.linspace(0, risk * rows, STEPS).astype(np.int64)).tolist()
    found = [binomial.rows_for(each, risk) for each in errors]
    return [*(each for each in found if NARROWEST * rows <= each < rows), rows]


def _sureness(told: Floats, threshold: float | None) -> Floats:
    """Return the share of the way from the threshold to 0 or 1 that each probability is."""
    if threshold is None:
        return told
    up = (told - threshold) / (1 - threshold) if threshold < 1 else np.ones_like(told)
    down = (threshold - told) / threshold if threshold > 0 else np.ones_like(told)
    return np.where(told >= threshold, up, down)


def _band(edge: float, threshold: float | None) -> tuple[float, float]:
    """Return the band in which probabilities are less sure than `edge`."""
    if threshold is None:
        return 0.0, edge
    return threshold * (1 - edge), threshold + (1 - threshold) * edge
