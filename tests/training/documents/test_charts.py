"""What each chart draws."""

import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from markupsafe import Markup

from training.documents import charts
from training.documents.axes import LARGE, Plot, linear


def read(chart: Markup) -> ET.Element:
    return ET.fromstring(chart)  # noqa: S314 - ours


def circles(chart: Markup) -> list[tuple[float, float]]:
    return [(float(each.attrib["cx"]), float(each.attrib["cy"])) for each in read(chart).iter("circle")]


def test_the_gradient_falls_on_a_log_axis() -> None:
    """A factor of ten is the same distance everywhere; 0 is at the edge, and one step is drawn too."""
    heights = [y for _, y in circles(charts.gradient([1.0, 0.1, 0.01, 0.001], "iteration"))]
    assert np.diff(heights) == pytest.approx([heights[1] - heights[0]] * 3, abs=0.2)
    assert heights[0] < heights[-1]
    assert len(circles(charts.gradient([0.5], "step"))) == 1
    assert len(circles(charts.gradient([0.5, 0.0], "step"))) == 2
    assert circles(charts.gradient([1 / (n + 1) for n in range(500)], "epoch")) == []


def test_the_reliability_axis_ends_where_probabilities_do() -> None:
    """A rare class is not drawn in a corner; the interval of a bin is Wilson's."""
    bins = {"predicted": [0.01, 0.05], "share": [0.0, 0.06], "rows": [500, 500]}
    [_, (x, y)] = circles(charts.reliability(bins))
    assert x > LARGE[0] / 2
    assert y < LARGE[1] / 2
    low, high = charts.wilson(0.1, 100)
    assert (low, high) == pytest.approx((0.0552, 0.1744), abs=1e-4)
    assert charts.wilson(0, 10)[0] == 0
    assert charts.wilson(1, 10)[1] == 1


@pytest.mark.parametrize("own", [[0] * 20, [5] + [0] * 19])
def test_a_histogram_may_be_empty(own: list[int]) -> None:
    """One side, or one class, without a row is drawn as nothing."""
    chart = read(charts.histogram({"own": own, "others": [0] * 20}, "a", None, LARGE))
    assert chart[1].text == f"{sum(own)} rows of the class, 0 others."
    assert "nan" not in "".join(each.attrib.get("d", "") for each in chart.iter("path"))


def test_the_threshold_is_where_it_cuts() -> None:
    """A dashed line across the histogram, and a diamond on both curves."""
    counts = {"own": [1] * 20, "others": [2] * 20}
    dashed = [each for each in read(charts.histogram(counts, "a", 0.25, LARGE)).iter("path")
              if "stroke-dasharray" in each.attrib]  # fmt: skip
    assert len(dashed) == 1
    curve = {"false_positive_rate": [0, 0.5, 1], "true_positive_rate": [0, 0.8, 1]}
    assert "diamond" in charts.roc(curve, "a", (0.5, 0.8), "", LARGE)
    assert "diamond" not in charts.roc(curve, "a", None, "", LARGE)


def test_the_line_of_the_plane_passes_between_the_classes() -> None:
    """From edge to edge of the frame, on the points where it is 0; one that passes by is not drawn."""
    points = {"inputs": [[0.0, 1.0, 4.0], [0.0, 1.0, 4.0]], "classes": [0, 0, 1]}
    drawn = charts.plane(points, (1.0, 1.0, -4.0), ("x", "y"), ("a", "b"))
    plot = Plot(linear("", [0, 4]), linear("", [0, 4]))
    [line] = re.findall(r'd="(M[\d. ]+L[\d. ]+)"', drawn)
    x1, y1, x2, y2 = map(float, re.findall(r"[\d.]+", line))
    assert {(x1, y1), (x2, y2)} == {(plot.across(0), plot.up(4)), (plot.across(4), plot.up(0))}
    assert len(circles(drawn)) == 2
    assert not re.findall(
        r'd="(M[\d. ]+L[\d. ]+)"', charts.plane(points, (1, 1, -40), ("x", "y"), ("a", "b"))
    )
    assert "circles are a, crosses b" in drawn


def test_a_whisker_reaches_196_spreads() -> None:
    """Around the value, as shares of the width."""
    axis = linear("", [-2, 2], 4)
    chart = read(charts.whisker(axis, 1.0, 0.25))
    zero, reach = chart.findall("line")
    ends = [float(reach.attrib[name].rstrip("%")) for name in ("x1", "x2")]
    assert float(zero.attrib["x1"].rstrip("%")) == 50
    assert ends == pytest.approx([50 + 94 / 4 * (1 - 0.49), 50 + 94 / 4 * (1 + 0.49)], abs=0.1)
    assert len(read(charts.whisker(axis, 1.0, None)).findall("line")) == 1
    assert [each.text for each in read(charts.scale(axis))] == ["0", "\u22122", "2"]
    assert [each.text for each in read(charts.scale(linear("", [-0.1, 5])))] == ["0", "6"]
