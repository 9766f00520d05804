"""The exact bound of an error rate."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from training.binomial import bounded, rows_for, upper_bound


@given(st.integers(1, 20_000).flatmap(lambda rows: st.tuples(st.integers(0, rows), st.just(rows))))
def test_the_bound_is_clopper_and_pearsons(sample: tuple[int, int]) -> None:
    """It is the beta quantile that scipy finds."""
    errors, rows = sample
    wanted = 1.0 if errors == rows else float(stats.beta.ppf(0.95, errors + 1, rows - errors))
    assert upper_bound(errors, rows) == pytest.approx(wanted, rel=1e-9)


@given(st.integers(0, 50), st.floats(1e-4, 0.99))
def test_so_many_rows_bound_the_rate_and_no_fewer(errors: int, rate: float) -> None:
    """With one row fewer the bound is above the rate."""
    rows = rows_for(errors, rate)
    assert upper_bound(errors, rows) <= rate * (1 + 1e-12)
    assert rows == errors + 1 or upper_bound(errors, rows - 1) > rate * (1 - 1e-12)


@given(st.integers(0, 200), st.integers(1, 2_000), st.floats(1e-4, 0.99))
def test_so_few_errors_are_rare_as_the_binomial_tail_says(errors: int, more: int, rate: float) -> None:
    """The tail of scipy is on the same side of 5 %."""
    tail = float(stats.binom.cdf(errors, errors + more, rate))
    assume(abs(tail - 0.05) > 1e-9)
    assert bounded(errors, errors + more, rate) == (tail <= 0.05)


def test_the_numbers_of_the_documentation() -> None:
    """114 rows without an error bound the risk at 2.6 %, and 2 % takes 149."""
    assert round(upper_bound(0, 114), 3) == 0.026
    assert rows_for(0, 0.02) == 149
