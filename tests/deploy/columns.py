"""Columns of made-up models: how training counted their rows, and how the rows that come are distributed."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta, norm

from tests.deploy.promtool import Series, series

BINS, MOST_CATEGORIES, OWN_PLACE_ROWS, SCORE_BINS = 10, 100, 10, 20
"""As of training."""
STEP_MIN, SHIFT_MIN, END_MIN = 5, 60, 120
"""Minutes from scrape to scrape; before the rows shift, if they do; and in all."""
BUSY = 10
"""Rows a second."""

Counts = NDArray[np.integer[Any]]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Column:
    """Bins, the rows that training counted in each, and their true shares: at first, and after a shift."""

    bins: Sequence[str]
    reference: Counts
    now: Floats
    then: Floats | None = None
    rate: float = BUSY
    kind: str = "input"

    def scraped(self, name: str, random: np.random.Generator) -> list[Series]:
        """Draw the rows that come, and return the series."""
        steps = END_MIN // STEP_MIN
        shares = [self.now] * steps
        if self.then is not None:
            shares[SHIFT_MIN // STEP_MIN :] = [self.then] * ((END_MIN - SHIFT_MIN) // STEP_MIN)
        rows = random.poisson(self.rate * 60 * STEP_MIN, steps)
        drawn = [random.multinomial(n, share) for n, share in zip(rows, shares, strict=True)]
        totals = np.vstack([0 * self.reference, np.cumsum(drawn, axis=0)])
        of = {"model": "m", "version": "1", "kind": self.kind, "column": name}
        m = self.reference.sum()
        found = [series("drift_reference_rows", [m] * len(totals), **of)]
        for each, total, known in zip(self.bins, totals.T, self.reference, strict=True):
            found.append(series("drift_rows_total", total, **of, bin=each))
            found.append(series("drift_reference_ratio", [known / m] * len(totals), **of, bin=each))
        return found


def numeric(m: int, random: np.random.Generator, gaps: float = 0, **shift: float) -> Column:
    """Draw a normal reference, cut as training does; `deviations`, `factor` or `gaps_then` shift it."""
    missing = random.binomial(m, gaps)
    sample = np.sort(random.normal(size=m - missing))
    edges = np.quantile(sample, np.linspace(0, 1, BINS + 1), method="inverted_cdf")
    counts = np.diff(np.searchsorted(sample, edges, side="left"))
    counts[-1] += 1  # the last bin holds its upper edge
    names = [f"{low:.3g}..{high:.3g}" for low, high in pairwise(edges)]

    def shares(deviations: float = 0, factor: float = 1, gaps_then: float = gaps) -> Floats:
        # Around a mean of 10 deviations, so that a factor moves all.
        under = norm.cdf((edges + 10) / factor - 10 - deviations)
        return np.append(np.diff(under, prepend=0, append=1) * (1 - gaps_then), gaps_then)

    reference = np.array([0, *counts, 0, missing])
    then = shares(**shift) if shift else None
    return Column(["below", *names, "above", "missing"], reference, shares(), then)


def boolean(m: int, random: np.random.Generator, true: float, missing: float = 0) -> Column:
    """Draw the reference of a truth."""
    shares = np.array([1 - true - missing, true, missing])
    return Column(["false", "true", "missing"], random.multinomial(m, shares), shares)


def texts(
    m: int, random: np.random.Generator, count: int, exponent: float, gone: int | None = None
) -> Column:
    """Draw a reference of texts, common by Zipf's law, and fold it as training does; one may be gone then."""
    shares = np.arange(1, count + 1) ** -exponent
    shares /= shares.sum()
    drawn = random.multinomial(m, shares)
    placed = [each for each in np.argsort(-drawn)[:MOST_CATEGORIES] if drawn[each] >= OWN_PLACE_ROWS]
    rare = np.setdiff1d(np.flatnonzero(drawn), placed)

    def folded(values: NDArray[Any]) -> NDArray[Any]:
        return np.array([*values[placed], values[rare].sum(), values[drawn == 0].sum()])

    then = None
    if gone is not None:
        then = np.where(np.arange(count) == gone, 0, shares)
        then = folded(then / then.sum())
    names = [*(f"text {each}" for each in placed), "rare", "unseen"]
    return Column(names, folded(drawn), folded(shares), then)


def scores(m: int, random: np.random.Generator, a: float, b: float) -> Column:
    """Draw a reference of probabilities, which are distributed as beta(a, b)."""
    edges = np.linspace(0, 1, SCORE_BINS + 1)
    shares = np.diff(beta.cdf(edges, a, b))
    names = [f"{low:.2g}..{high:.2g}" for low, high in pairwise(edges)]
    return Column(names, random.multinomial(m, shares), shares, kind="score")
