"""Verdicts: their bounds beside SciPy's, an example of each, and the same as the rules of Prometheus give."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from service.drift import judge as module
from service.drift.columns import Column
from service.drift.judge import Verdict, chi_squared, judge
from tests.deploy import columns as drawn
from tests.deploy.columns import END_MIN, SHIFT_MIN, STEP_MIN
from tests.deploy.promtool import case, check

ONE_IN = 1e-6
RECORDED = (
    *("column:logitserve_drift_psi", "column:logitserve_drift_bound"),
    *("bin:logitserve_drift_more:share", "bin:logitserve_drift_gone:share"),
)
"""By the rules of Prometheus."""


@given(st.integers(1, 200))
def test_the_quantile_of_chi_squared_is_a_little_high(freedom: int) -> None:
    """By a sixth with one degree, where there are few bins, and by less with more: the safe side."""
    exact = stats.chi2.isf(ONE_IN, freedom)
    high = {1: 0.15, 2: 0.1}.get(freedom, 0.07)
    assert exact <= chi_squared(freedom) <= (1 + high) * exact


@given(st.integers(0, 20) | st.integers(0, 100_000))
def test_the_bounds_of_a_count_are_poissons_and_a_little_wide(count: int) -> None:
    """The most by a tenth of none and by 1 % of 11 and more, the least by an eighth of a row."""
    most = stats.chi2.isf(ONE_IN, 2 * count + 2) / 2
    least = stats.chi2.ppf(ONE_IN, 2 * count) / 2 if count else 0.0
    rounded = 1e-7 * count
    assert most - rounded <= module._most(count) <= (1.01 if count > 10 else 1.1) * most
    assert least - 0.125 <= module._least(count) <= least + rounded


def test_z_is_the_quantile_of_a_millionth() -> None:
    """To the digits that the rules have."""
    assert pytest.approx(stats.norm.isf(ONE_IN), abs=5e-5) == module.Z


NUMBER = Column(
    "input",
    "age",
    None,
    "numeric",
    ("below", "0..1", "1..2", "above", "missing"),
    (0, 0.5, 0.4, 0, 0.1),
    10_000,
)
TRUTH = Column("input", "member", None, "boolean", ("false", "true", "missing"), (0.6, 0.4, 0.0), 10_000)
TEXT = Column(
    "input",
    "town",
    None,
    "categorical",
    ("a", "b", "c", "rare", "unseen"),
    (0.7, 0.2, 0.004, 0.096, 0.0),
    10_000,
)
SCORE = Column("score", "yes", None, "score", tuple("abcd"), (0.25, 0.25, 0.5, 0.0), 10_000)


def beyond(verdict: Verdict, column: Column) -> set[str]:
    """Return the bins that are beyond."""
    return {name for name, each in zip(column.bins, verdict.beyond, strict=True) if each}


@pytest.mark.parametrize(
    ("column", "counts", "drifted", "named"),
    [
        (NUMBER, [0, 5000, 4000, 0, 1000], False, set()),
        (NUMBER, [5, 5000, 4000, 5, 990], False, set()),
        (NUMBER, [0, 4000, 5000, 100, 900], False, {"above"}),
        (NUMBER, [100, 4000, 5000, 0, 900], False, {"below"}),
        (NUMBER, [0, 4500, 3500, 0, 2000], False, {"missing"}),
        (NUMBER, [0, 4900, 3800, 0, 1300], False, set()),
        (NUMBER, [0, 2000, 7000, 0, 1000], True, set()),
        (NUMBER, [0, 20, 70, 0, 10], False, set()),
        (NUMBER, [0, 199, 698, 0, 102], False, set()),
        (NUMBER, [0, 200, 699, 0, 101], True, set()),
        (NUMBER, [1000, 0, 0, 0, 0], True, {"below"}),
        (NUMBER, [0, 9000, 0, 0, 1000], True, set()),
        (TRUTH, [6000, 4000, 0], False, set()),
        (TRUTH, [6000, 3900, 100], False, {"missing"}),
        (TRUTH, [10_000, 0, 0], True, {"true"}),
        (TRUTH, [7600, 2400, 0], True, {"true"}),
        (TRUTH, [700, 300, 0], False, set()),
        (TEXT, [7000, 2000, 40, 960, 0], False, set()),
        (TEXT, [7000, 2000, 40, 0, 960], False, set()),
        (TEXT, [6000, 1700, 40, 60, 2200], False, {"unseen"}),
        (TEXT, [9000, 0, 40, 960, 0], True, {"b"}),
        (TEXT, [7000, 2000, 0, 960, 40], False, set()),
        (SCORE, [2500, 2500, 5000, 0], False, set()),
        (SCORE, [5000, 0, 0, 5000], True, set()),
    ],
    ids=[
        *("as in training", "a few beyond the range", "more above", "more below", "more gaps", "some gaps"),
        *("shifted", "too few rows", "a row too few", "rows enough", "all below", "a bin of a number gone"),
        *("a truth", "gaps in a truth", "a truth gone", "a truth much rarer", "a truth, few rows"),
        *("texts", "rare ones are unseen ones", "more texts unseen", "a text gone", "a seldom text gone"),
        *("scores", "other scores"),
    ],
)  # fmt: skip
def test_verdicts(column: Column, counts: list[float], drifted: bool, named: set[str]) -> None:
    """Of columns with 10,000 rows of training."""
    verdict = judge(column, counts)
    assert (verdict.drifted, beyond(verdict, column)) == (drifted, named)


def test_psi_and_its_bound_are_those_of_the_formula() -> None:
    """Over the bins with a share of training but `rare`, which the reference chose itself."""
    counts = np.array([600, 150, 10, 90, 150])
    verdict = judge(TEXT, counts.tolist())
    p, q = (counts[:3] + 0.5) / (1000 + 1.5), np.array([0.7, 0.2, 0.004])
    assert verdict.psi == pytest.approx(((p - q) * np.log(p / q)).sum())
    assert verdict.bound == pytest.approx(chi_squared(2) * (1 / 1000 + 1 / 10_000))


@pytest.mark.parametrize(
    "column",
    [
        Column("score", "yes", None, "score", ("a", "b"), None, 0),
        Column("input", "town", None, "categorical", ("a", "unseen"), (0.0, 0.0), 0),
    ],
)
def test_without_a_reference_there_is_no_verdict(column: Column) -> None:
    """As of the scores of a version of the first format."""
    assert judge(column, [5000, 5000]) == Verdict(None, None, drifted=False, beyond=(False, False))


def test_without_a_row_there_is_none() -> None:
    """Nor with one bin: a constant has no PSI, but what is beyond its value is named."""
    assert judge(TRUTH, [0, 0, 0]) == Verdict(None, None, drifted=False, beyond=(False,) * 3)
    constant = Column("input", "one", None, "numeric", ("below", "3.0..3.0", "above"), (0, 1, 0), 90)
    verdict = judge(constant, [0, 4000, 4000])
    assert (verdict.psi, verdict.bound, verdict.drifted) == (None, None, False)
    assert beyond(verdict, constant) == {"above"}


@given(
    reference=st.lists(st.integers(0, 1000), min_size=3, max_size=3).filter(any),
    counts=st.lists(st.integers(0, 10_000), min_size=3, max_size=3),
)
def test_verdicts_are_numbers(reference: list[int], counts: list[int]) -> None:
    """Whatever is 0."""
    m = sum(reference)
    for of, bins in (
        ("boolean", TRUTH.bins),
        ("categorical", ("a", "rare", "unseen")),
        ("numeric", ("below", "0..1", "above")),
    ):
        column = Column("input", "x", None, of, bins, tuple(each / m for each in reference), m)  # type: ignore[arg-type]
        verdict = judge(column, counts)
        assert verdict.psi is None or (math.isfinite(verdict.psi) and verdict.psi >= 0)
        assert (verdict.psi is None) == (verdict.bound is None)
        assert len(verdict.beyond) == 3


def kind(column: drawn.Column) -> str:
    """Return what a drawn column is of."""
    if column.kind == "score":
        return "score"
    return {"below": "numeric", "false": "boolean"}.get(column.bins[0], "categorical")


def shifting(random: np.random.Generator) -> dict[str, drawn.Column]:
    """Return columns that are as in training, nearly so, and not at all."""
    found: dict[str, drawn.Column] = {}
    for m in (341, 20_000):
        for deviations in (0, 0.2, 0.35, 0.5):
            found[f"shift {deviations} {m}"] = drawn.numeric(m, random, 0.05, deviations=deviations)
        for gaps in (0.06, 0.08, 0.12):
            found[f"gaps {gaps} {m}"] = drawn.numeric(m, random, 0.05, gaps_then=gaps)
        found[f"times {m}"] = drawn.numeric(m, random, factor=1.5)
        for true in (0.3, 0.25, 0.1, 0):
            column = drawn.boolean(m, random, 0.35)
            now = np.array([1 - true, true, 0])
            found[f"true {true} {m}"] = drawn.Column(column.bins, column.reference, column.now, now)
        for gone in (0, 3, 5, 11):
            found[f"gone {gone} {m}"] = drawn.texts(m, random, 12, 0.8, gone)
        found[f"many {m}"] = drawn.texts(m, random, m, 0.5)
        found[f"scores {m}"] = drawn.scores(m, random, 0.5, 0.5)
    return found


def test_the_rules_of_prometheus_give_the_same_verdicts(tmp_path: Path) -> None:
    """Of columns with little drift, much and none: what this instance tells is what a ticket would say."""
    random = np.random.default_rng(17)
    lot, psi, shifted, named = [], [], [], []
    for name, column in shifting(random).items():
        of = column.scraped(name, random)
        totals = np.array([each["values"].split() for each in of if "rows_total" in each["series"]], float).T
        counts = totals[-1] - totals[SHIFT_MIN // STEP_MIN]
        m = int(column.reference.sum())
        ours = Column(
            column.kind,
            name,
            None,
            kind(column),
            tuple(column.bins),
            tuple((column.reference / m).tolist()),
            m,
        )  # type: ignore[arg-type]
        verdict = judge(ours, counts.tolist())
        assert verdict.psi is not None
        assert verdict.bound is not None
        labels = f'column="{name}"'
        psi.append((labels, round(1e6 * verdict.psi / verdict.bound)))
        if verdict.drifted:
            shifted.append((labels, 1.0))
        named += [(f'bin="{each}", {labels}', 1.0) for each in beyond(verdict, ours)]
        lot += of
    assert 3 < len(shifted) < len(psi) / 2
    assert len(named) > 6
    score, bound, more, gone = (f'{name}{{window="1h"}}' for name in RECORDED)
    cases = [
        case(f"round(1e6 * sum by (column) ({score} / {bound}))", END_MIN, psi),
        case(f"group by (column) ({score} > 0.1 and {score} > {bound})", END_MIN, shifted),
        case(f"group by (column, bin) ({more} or {gone})", END_MIN, named),
    ]
    check(tmp_path, [lot], cases, STEP_MIN)
