"""The least probability of the positive class at which it is the answer, by rule. Knows nothing of models."""

from dataclasses import dataclass

import numpy as np

from training.curves import Cuts, Floats, Truths
from training.errors import SettingError

WANTED = "wanted a probability, f1, cost:10, precision:0.9 or recall:0.95"
CLOSE = 1e-12
"""Costs that differ by less, relatively, are equal."""


@dataclass(frozen=True)
class Rule:
    """What a threshold is to reach: f1, cost, precision or recall, with its amount."""

    kind: str
    amount: float
    text: str


def parse(text: str) -> float | Rule:
    """Read a threshold or a rule to choose it by. Raises ValueError, which says what was wanted."""
    kind, colon, amount = text.partition(":")
    try:
        if text == "f1":
            return Rule("f1", 1.0, text)
        number = float(amount if colon else text)
    except ValueError:
        raise ValueError(WANTED) from None
    if not colon and 0 <= number <= 1:
        return number
    if kind == "cost" and 0 < number < float("inf"):
        return Rule(kind, number, text)
    if kind in {"precision", "recall"} and 0 < number <= 1:
        return Rule(kind, number, text)
    raise ValueError(WANTED)


def choose(rule: Rule, scores: Floats, positive: Truths) -> float:
    """Choose a threshold on rows: scores [rows] of the positive class, and whether each row is of it.

    f1: the highest F1. cost: the least total, where a missed positive costs `amount` false alarms. precision:
    the highest recall that reaches it. recall: the highest threshold that reaches it. Any threshold between
    two neighbouring scores answers alike, and their middle is taken; of equally good ones the middle too.
    Raises SettingError when the rows lack a class, or for a precision that no threshold reaches.
    """
    cuts = Cuts.of(scores, positive) if len(scores) else None
    if cuts is None or not cuts.both:
        raise SettingError(f"--threshold={rule.text}: wanted validation rows of both classes to choose it on")
    # Before the cuts, the one that no row passes: there is none when a score is 1.
    true, false = np.append(0, cuts.true), np.append(0, cuts.false)
    first = int(cuts.scores[0] >= 1)
    best = first + _best(rule, true[first:], false[first:], cuts, len(scores))
    cut = int(best[len(best) // 2])
    above = cuts.scores[cut - 1] if cut else 1.0
    below = cuts.scores[cut] if cut < len(cuts.scores) else 0.0
    middle = (above + below) / 2
    return float(middle if middle > below else above)


def _best(rule: Rule, true: Floats, false: Floats, cuts: Cuts, rows: int) -> np.ndarray:
    """Return which of the cuts are equally good, and better than the others."""
    if rule.kind == "f1":
        f1 = 2 * true / (true + false + cuts.positives)
        return np.flatnonzero(f1 == f1.max())
    if rule.kind == "cost":
        costs = rule.amount * (cuts.positives - true) + false
        return np.flatnonzero(costs <= costs.min() * (1 + CLOSE))
    if rule.kind == "recall":
        return np.flatnonzero(true / cuts.positives >= rule.amount)[:1]
    precision = true / np.maximum(true + false, 1)
    reached = precision >= rule.amount
    if not reached.any():
        raise SettingError(
            f"--threshold={rule.text}: the best precision on {rows} validation rows is {precision.max():.4g}"
        )
    return np.flatnonzero(reached & (true == true[reached].max()))[:1]
