"""Mean and standard deviation in blocks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training import moments

numbers = st.floats(-(2.0**99), 2.0**99, width=32)


@given(st.lists(numbers | st.just(float("nan")), min_size=1, max_size=40), st.integers(1, 9), numbers)
def test_blocks_give_what_numpy_does_of_all(values: list[float], block: int, missing: float) -> None:
    """However many blocks there are, with what is missing put in."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(moments, "BLOCK_ROWS", block)
        mean, deviation = moments.moments(np.array(values, np.float32), missing)
    expected = np.where(np.isnan(values), missing, values)
    scale = np.abs(expected).max()
    assert mean == pytest.approx(expected.mean(), rel=1e-12, abs=1e-12 * scale)
    assert deviation == pytest.approx(expected.std(), rel=1e-7, abs=1e-12 * scale)


@given(numbers, st.integers(1, 40))
def test_equal_values_do_not_deviate(value: float, rows: int) -> None:
    """Not even by rounding, and their mean is they."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(moments, "BLOCK_ROWS", 7)
        assert moments.moments(np.full(rows, value, np.float32)) == (np.float32(value), 0)


def test_a_number_far_from_zero_keeps_its_deviation() -> None:
    """A sum of squares would lose it."""
    values = np.random.default_rng(0).normal(1e7, 3.0, 100_000)
    assert moments.moments(values) == pytest.approx((values.mean(), values.std()), rel=1e-12)
