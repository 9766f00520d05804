"""The rules on drift, against NumPy and against chance."""

from collections.abc import Iterable
from dataclasses import replace
from math import sqrt
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from tests.deploy.columns import BUSY, END_MIN, SHIFT_MIN, STEP_MIN, Column, boolean, numeric, scores, texts
from tests.deploy.promtool import Series, case, check, near

QUIET = 0.3
"""Rows a second: 1,080 an hour, and judging begins at 1,000."""
REFERENCE_ROWS = (341, 1_000, 20_000)
LOT = 1_200
"""Series of a lot; promtool holds 10,000 samples in an expression."""


def lots(columns: Iterable[list[Series]]) -> list[list[Series]]:
    """Put the series of columns into lots that promtool can hold."""
    found: list[list[Series]] = [[]]
    for column in columns:
        if len(found[-1]) + len(column) > LOT:
            found.append([])
        found[-1] += column
    return found


def undrifted(random: np.random.Generator) -> list[Column]:
    """Return columns of all kinds, many and few rows of training behind them, and many and few that come."""
    columns = []
    for m in REFERENCE_ROWS:
        columns += [numeric(m, random, gaps) for gaps in (0, 0, 0, 0.001, 0.05, 0.3) for _ in range(4)]
        columns += [
            boolean(m, random, true, gaps) for true in (0.5, 0.1, 0.01, 0.001) for gaps in (0, 0.002, 0.1)
        ]
        columns += [
            texts(m, random, count, exponent)
            for count in (3, 10, m // 12, m, 10 * m)
            for exponent in (0.0, 0.5, 1.0, 1.5)
        ]
        columns += [scores(m, random, a, b) for a in (0.1, 0.5, 1, 5) for b in (0.1, 1, 5)]
    return [replace(column, rate=(BUSY, QUIET)[place % 2]) for place, column in enumerate(columns)]


def test_chance_alone_names_nothing(tmp_path: Path) -> None:
    """In two hours of 200 columns whose references and rows are drawn from the same distributions."""
    random = np.random.default_rng(17)
    columns = undrifted(random)
    assert len(columns) >= 200
    of = lots(column.scraped(f"{place}", random) for place, column in enumerate(columns))
    even_pending = (
        'count by (alertname, column, bin) (count_over_time(ALERTS{alertname=~"LogitserveDrift.*"}[3h]))'
    )
    judged = 'count(count by (column) (column:logitserve_drift_rows{window="1h"} >= 1000)) > bool 3'
    check(tmp_path, of, [case(even_pending, END_MIN, []), case(judged, END_MIN, [("", 1)])], STEP_MIN)


def alerts(*named: tuple[str, str, str]) -> list[tuple[str, float]]:
    """Return the samples of alerts: the end of the name, the column, the bin if there is one."""
    found = []
    for which, column, each in named:
        labels = f'alertname="LogitserveDrift{which}", column="{column}"'
        found.append((labels + (f', bin="{each}"' if each else ""), 1.0))
    return found


def test_a_shift_is_named_within_an_hour(tmp_path: Path) -> None:
    """At 10 rows a second, and with rows from before it in the window; a column beside it is not named."""
    random = np.random.default_rng(17)
    half = numeric(341, random, deviations=0.5)
    assert half.then is not None
    columns = {
        "as ever": numeric(341, random),
        "gaps": numeric(20_000, random, 0.05, gaps_then=0.1),
        "truth": replace(boolean(20_000, random, 0.05), then=np.array([1, 0, 0])),
        # With older rows in the window it takes 55 minutes in the median, which is too near to 60.
        "half 341": replace(half, now=half.then),
        **{f"half {m}": numeric(m, random, deviations=0.5) for m in REFERENCE_ROWS[1:]},
        **{f"times {m}": numeric(m, random, factor=1000) for m in REFERENCE_ROWS},
        **{f"text {m}": texts(m, random, 6, 0.5, gone=3) for m in REFERENCE_ROWS},
    }
    named = [("More", "gaps", "missing"), ("Gone", "truth", "true")]
    for m in REFERENCE_ROWS:
        named += [("", f"{column} {m}", "") for column in ("half", "times", "text")]
        named += [("More", f"times {m}", "above"), ("Gone", f"text {m}", "text 3")]
    firing = 'group by (alertname, column, bin) (ALERTS{alertname=~"LogitserveDrift.*", alertstate="firing"})'
    cases = [
        case(firing, SHIFT_MIN, alerts(("", "half 341", ""))),
        case(firing, END_MIN, alerts(*named)),
    ]
    [of] = lots(column.scraped(name, random) for name, column in columns.items())
    check(tmp_path, [of], cases, STEP_MIN)


def test_psi_and_its_bound_are_those_of_numpy(tmp_path: Path) -> None:
    """Of texts with rare, unseen and missing ones, over an hour and over a day."""
    column = Column(
        ["a", "b", "c", "rare", "unseen", "missing"],
        reference=np.array([200, 100, 100, 50, 0, 50]),
        now=np.array([0.5, 0.1, 0.15, 0.02, 0.08, 0.15]),
    )
    judged, m = [0, 1, 2, 5], 500
    of = column.scraped("town", np.random.default_rng(17))
    totals = np.array([each["values"].split() for each in of if "rows_total" in each["series"]], float).T
    q = column.reference[judged] / m
    cases = []
    for window, c in (("1h", totals[-1] - totals[SHIFT_MIN // STEP_MIN]), ("1d", totals[-1])):
        n = c.sum()
        p = (c[judged] + 0.5) / (n + 0.5 * len(judged))
        of_window = f'{{window="{window}"}}'
        cases += [
            near(f"column:logitserve_drift_rows{of_window}", n, END_MIN),
            near(f"column:logitserve_drift_psi{of_window}", ((p - q) * np.log(p / q)).sum(), END_MIN),
            near(
                f"column:logitserve_drift_bound{of_window}", chi2(len(judged) - 1) * (1 / n + 1 / m), END_MIN
            ),
        ]
    check(tmp_path, [of], cases, STEP_MIN)


def chi2(k: int) -> float:
    """Return the quantile of 1 - 1e-6 after Wilson and Hilferty, as drift.yml has it."""
    return k * (1 - 2 / (9 * k) + 4.7534 * sqrt(2 / (9 * k))) ** 3


@pytest.mark.parametrize(("k", "high"), [(1, 0.15), (2, 0.1), (9, 0.03), (99, 0.002)])
def test_the_quantile_of_chi_squared_is_a_little_high(k: int, high: float) -> None:
    """Of one degree by 15 %, so that the bound is on the safe side."""
    assert 1 <= chi2(k) / stats.chi2.isf(1e-6, k) <= 1 + high
