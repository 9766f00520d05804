"""Numbers with the digits that mean something. Knows nothing of what they measure."""

import math

from models.record import Interval

FEWEST, MOST = 2, 4
"""Decimals of a figure: what its interval says, within these."""
USUAL = 3
"""Decimals of a figure without an interval."""
PLAIN = (-4, 6)
"""Powers of ten between which a number is written without one."""
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
NOTHING = "–"  # noqa: RUF001 - a dash of a digit's width
"""Stands where there is no number."""


def minus(text: str) -> str:
    """Return a number with the sign that is as wide as a digit."""
    return text.replace("-", "\u2212")


def count(value: int) -> str:
    """Write a number of rows."""
    return f"{value:,}"


def rows(value: int) -> str:
    """Write a number of rows, and what it counts."""
    return f"{value:,} row" if value == 1 else f"{value:,} rows"


def number(value: float, digits: int = 4) -> str:
    """Write a number with so many significant digits, and a power of ten where it is very small or large."""
    if value == 0:
        return "0"
    mantissa, power = f"{value:.{digits - 1}e}".split("e")
    if PLAIN[0] <= int(power) <= PLAIN[1]:
        places = max(digits - 1 - int(power), 0)
        plain = f"{round(value, digits - 1 - int(power)):,.{places}f}"
        return minus(plain.rstrip("0").rstrip(".") if "." in plain else plain)
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    return f"{minus(mantissa)}·10{str(int(power)).translate(RAISED)}"


def share(value: float, of: int) -> str:
    """Write a share of so many rows, with the digits that one of them moves."""
    places = min(max(math.ceil(math.log10(max(of, 1))) - 2, 0), 3)
    return f"{value:.{places}%}".replace("%", "\u00a0%")


def figure(value: float | None, interval: Interval | None = None) -> str:
    """Write a figure of quality, with the decimals that its interval leaves to it."""
    return NOTHING if value is None else f"{value:.{decimals(interval)}f}"


def decimals(interval: Interval | None) -> int:
    """Return how many decimals a figure has: two digits of half its interval."""
    if interval is None or interval.high <= interval.low:
        return USUAL
    half = (interval.high - interval.low) / 2
    return min(max(1 - math.floor(math.log10(half)), FEWEST), MOST)


def ends(interval: Interval | None) -> str:
    """Write from where to where an interval goes."""
    if interval is None:
        return NOTHING
    places = decimals(interval)
    return minus(f"{interval.low:.{places}f} to {interval.high:.{places}f}")


def signed(value: float, step: float) -> str:
    """Write a coefficient with its sign, to the decimals that two digits of `step` have."""
    places = min(max(1 - math.floor(math.log10(step)), 0), 6) if step > 0 else 2
    written = f"{value:+,.{places}f}"
    return minus(written) if written.strip("+-0.,") else written[1:]
