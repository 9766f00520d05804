"""Whether what came differs from training more than chance explains. Knows nothing of where counts come from.

The same as the rules of deploy/prometheus/drift.yml; docs/metrics.md says why.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from service.drift.columns import MISSING, RARE, UNSEEN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service.drift.columns import Column

Z = 4.7534
"""The normal quantile of 1 - 1e-6: so seldom may chance alone pass a bound."""
LEAST_PSI = 0.1
LEAST_ROWS = 1000
LEAST_SHARE, MORE = 0.001, 1.5
"""A bin is named from this share on, and when it has so many times training's."""
LEAST_GONE = 0.005
"""A category is missed when training had this share of it."""


class Verdict(NamedTuple):
    """The population stability index beside its bound, whether it has drifted, and which bins are beyond."""

    psi: float | None
    bound: float | None
    drifted: bool
    beyond: tuple[bool, ...]


def judge(column: Column, counts: Sequence[float]) -> Verdict:
    """Judge the counts of a column's bins."""
    rows = sum(counts)
    if column.reference is None or not column.reference_rows or not rows:
        return Verdict(None, None, drifted=False, beyond=(False,) * len(counts))
    # Which texts are rare the reference chose itself: others of them come, so the bin shrinks without drift.
    known = [
        (count, share)
        for name, count, share in zip(column.bins, counts, column.reference, strict=True)
        if share > 0 and name != RARE
    ]
    psi = bound = None
    if len(known) > 1:
        smoothed = [((count + 0.5) / (rows + 0.5 * len(known)), share) for count, share in known]
        psi = sum((now - then) * math.log(now / then) for now, then in smoothed)
        bound = chi_squared(len(known) - 1) * (1 / rows + 1 / column.reference_rows)
    drifted = psi is not None and bound is not None and psi > max(LEAST_PSI, bound) and rows >= LEAST_ROWS
    beyond = tuple(
        rows >= LEAST_ROWS and _beyond(column, index, count, rows) for index, count in enumerate(counts)
    )
    return Verdict(psi, bound, drifted, beyond)


def chi_squared(freedom: int) -> float:
    """Return the quantile of 1 - 1e-6, as Wilson and Hilferty (1931) approximate it."""
    part = 2 / (9 * freedom)
    return float(freedom * (1 - part + Z * math.sqrt(part)) ** 3)


def _beyond(column: Column, index: int, count: float, rows: float) -> bool:
    assert column.reference is not None  # noqa: S101 - judge looked
    if column.kind == "score":
        return False
    name, share, reference = column.bins[index], column.reference[index], column.reference_rows
    now = count / rows
    if name in (MISSING, UNSEEN) or not share:
        if name == UNSEEN and RARE in column.bins:  # as many texts are unseen as are rare, at most
            share = column.reference[column.bins.index(RARE)]
        most = _most(share * reference) / reference
        return now > max(LEAST_SHARE, MORE * share) and _least(count) / rows > most
    if column.of == "numeric" or name == RARE or share <= LEAST_GONE:
        return False
    return now < share / MORE and _most(count) / rows < _least(share * reference) / reference


def _least(count: float) -> float:
    """Return the least mean of a Poisson count that chance explains, as Wilson and Hilferty do."""
    if count <= 0:
        return 0.0
    return float(max(0.0, count * (1 - 1 / (9 * count) - Z / (3 * math.sqrt(count))) ** 3))


def _most(count: float) -> float:
    """Return the largest such mean."""
    more = count + 1
    return float(more * (1 - 1 / (9 * more) + Z / (3 * math.sqrt(more))) ** 3)
