"""Numbers with the digits that mean something."""

import pytest

from models.record import Interval
from training.documents.digits import ends, figure, number, rows, share, signed


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (0.5, "0.5"),
        (14.0812, "14.08"),
        (2010, "2,010"),
        (123456.7, "123,500"),
        (-0.000261, "\u22120.000261"),
        (1.2e-17, "1.2·10⁻¹⁷"),
        (9.99999, "10"),
        (-3.4e38, "\u22123.4·10³⁸"),
    ],
)
def test_a_number_has_four_digits(value: float, shown: str) -> None:
    """And a power of ten where it is very small or large."""
    assert number(value) == shown


@pytest.mark.parametrize(
    ("value", "of", "shown"), [(0.973, 113, "97.3"), (0.5, 20, "50"), (0.9996, 5000, "99.96"), (1, 0, "100")]
)
def test_a_share_shows_what_one_row_moves(value: float, of: int, shown: str) -> None:
    """One of 20 rows is 5 %, one of 5,000 is 0.02 %."""
    assert share(value, of) == f"{shown}\u00a0%"


def test_a_figure_is_as_exact_as_its_interval() -> None:
    """Two digits of half of it; three decimals where there is none, or it has no width."""
    wide = Interval(low=0.0187, high=0.1288)
    assert (figure(0.06598, wide), ends(wide)) == ("0.066", "0.019 to 0.129")
    narrow = Interval(low=0.99, high=0.99001)
    assert (figure(0.990004, narrow), ends(narrow)) == ("0.9900", "0.9900 to 0.9900")
    assert figure(1.0, Interval(low=1, high=1)) == "1.000"
    assert (figure(0.5), figure(None), ends(None)) == ("0.500", "–", "–")  # noqa: RUF001


def test_a_coefficient_has_its_sign_and_the_digits_of_its_spread() -> None:
    """None of a rounded nothing."""
    assert signed(1.234, 0.31) == "+1.23"
    assert signed(-1234.5, 60) == "\u22121,234"
    assert signed(-0.0004, 0.2) == "0.00"
    assert signed(-0.0004, 0.0002) == "\u22120.00040"


def test_rows_are_counted_in_words() -> None:
    """One is not several."""
    assert (rows(1), rows(2341)) == ("1 row", "2,341 rows")
