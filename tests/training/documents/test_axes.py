"""Axes that hold what is drawn, and frames that hold their texts."""

import math
import re
from itertools import pairwise
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from training.documents.axes import SMALL, Plot, decades, linear, shares

NUMBERS = st.floats(-1e30, 1e30).filter(lambda value: value == 0 or abs(value) > 1e-30)


@given(st.lists(NUMBERS, min_size=1, max_size=5))
def test_a_linear_axis_holds_its_values(values: list[float]) -> None:
    """Between two of at most ten round ticks."""
    axis = linear("x", values)
    reach = axis.high - axis.low
    assert axis.low - 1e-6 * reach <= min(values)
    assert max(values) <= axis.high + 1e-6 * reach
    assert 2 <= len(axis.ticks) <= 10
    assert axis.ticks[0][0] == axis.low
    assert axis.ticks[-1][0] == axis.high


def test_ticks_are_round() -> None:
    """1, 2 or 5 times a power of ten apart."""
    assert [text for _, text in linear("x", [0, 0.93]).ticks] == ["0", "0.2", "0.4", "0.6", "0.8", "1"]
    assert [text for _, text in linear("x", [-130, 240]).ticks][:2] == ["\u2212200", "\u2212100"]
    assert linear("x", [3, 3]).ticks[0][1] == "1"


@given(st.lists(st.floats(0, 1e12), min_size=1, max_size=5))
def test_a_log_axis_holds_its_values(values: list[float]) -> None:
    """Those above 0, with at most seven powers of ten; 0 is at its lower edge."""
    axis = decades("x", values)
    assert all(axis.low <= value * (1 + 1e-9) for value in values if value > 1e-290)
    assert all(value <= axis.high * (1 + 1e-9) for value in values)
    assert 2 <= len(axis.ticks) <= 7
    assert axis.at(0) == 0
    assert axis.at(axis.high) == 1


def test_powers_of_ten_are_evenly_apart() -> None:
    """And written as such."""
    axis = decades("x", [3e-14, 0.4])
    assert [text for _, text in axis.ticks] == ["10⁻¹⁵", "10⁻¹²", "10⁻⁹", "10⁻⁶", "0.001", "1"]
    assert axis.at(1e-6) == pytest.approx(0.6)


def walked(path: str) -> list[tuple[float, float]]:
    """Return the points of a path."""
    found, x, y = [], 0.0, 0.0
    for letter, numbers in re.findall(r"([MLHVlhv])([^MLHVlhv]*)", path):
        told = [float(each) for each in re.findall(r"-?(?:\d+\.?\d*|\.\d+)", numbers)]
        if letter in "hv":
            x, y = (x + told[0], y) if letter == "h" else (x, y + told[0])
        else:
            x, y = (x + told[0], y + told[1]) if letter == "l" else (told[0], told[1])
        found.append((x, y))
    return found


def test_a_line_goes_through_its_points() -> None:
    """To a tenth of a unit, the first and the last among them, and steps go up first."""
    plot = Plot(shares("x"), shares("y"))
    xs = np.linspace(0, 1, 1000)
    points = walked(plot.line(xs.tolist(), (xs**2).tolist()))
    assert 20 < len(points) <= 64
    assert points[0] == pytest.approx((plot.across(0), plot.up(0)))
    assert points[-1] == pytest.approx((plot.across(1), plot.up(1)))
    for x, y in points:
        share = (x - plot.left) / (plot.right - plot.left)
        assert y == pytest.approx(plot.up(share**2), abs=0.3)
    steps = walked(plot.line([0, 0.5, 1], [1, 0.5, 0.25], steps=True))
    corners = [(0, 1), (0, 0.5), (0.5, 0.5), (0.5, 0.25), (1, 0.25)]
    np.testing.assert_allclose(steps, [(plot.across(x), plot.up(y)) for x, y in corners])


@pytest.mark.parametrize("low", [0, -123456, 1e-9])
def test_texts_stay_within_the_frame_and_apart(low: float) -> None:
    """Also where ticks are long."""
    plot = Plot(linear("x", [low, low + abs(low) / 3 + 1e-10]), linear("y", [low, 1]), SMALL)
    chart = ET.fromstring(plot.svg("<title>", "&", Markup("")))  # noqa: S314 - ours
    assert (chart[0].text, chart[1].text) == ("<title>", "&")
    assert plot.left < plot.size[0] / 2
    below = chart.findall("g")[0].findall("text")[:-2]
    ends = [(float(each.attrib["x"]), len(each.text or "") * 5.5) for each in below]
    for (x, width), (other, beside) in pairwise(ends):
        assert x + width / 2 <= other - beside / 2
    assert all(math.isfinite(x) for x, _ in ends)
