"""The charts of a report, of the lists of evaluation.json. Knows nothing of pages."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from models.record import SCORE_BINS
from training.documents.axes import BLUE, ORANGE, Axis, Plot, decades, linear, shares
from training.documents.digits import count, number

Size = tuple[int, int]
NORMAL = 1.96
"""Of a normal distribution, 95 % lies within so many standard deviations."""
HALF = 0.5
"""Where no probability is above it, the axes end with the last one."""
ROOM = 0.3
"""Of the width of a whisker, for a number."""
_LINE = Markup('<path d="{}" fill="none" stroke="{}" stroke-width="{}"{}/>')
_DASHED = Markup(' stroke-dasharray="4 3"')
_HERE = Markup('<path d="M{x} {top}L{right} {y}L{x} {bottom}L{left} {y}Z" fill="{fill}"/>')
"""A diamond: where the served threshold is."""


def gradient(norms: Sequence[float], unit: str) -> Markup:
    """Draw the largest component of the gradient by iteration or epoch, from the second power of ten on."""
    plot = Plot(linear(unit, [1, max(len(norms), 2)]), decades("largest component of the gradient", norms))
    steps = range(1, len(norms) + 1)
    body = _LINE.format(plot.line(steps, norms), BLUE, 2, "")
    if len(norms) <= 40:  # noqa: PLR2004 - more would be a band
        body += Markup("").join(_dot(plot, x, y, 2.5) for x, y in zip(steps, norms, strict=True))
    said = f"From {number(norms[0], 2)} to {number(norms[-1], 2)} in {len(norms)} {unit}s."
    return plot.svg(f"Gradient by {unit}", said, body)


def roc(
    curve: Mapping[str, Any], label: str, here: tuple[float, float] | None, auc: str, size: Size
) -> Markup:
    """Draw how many are found for how many false alarms; `here` is the point that is served."""
    plot = Plot(shares("false positive rate", size), shares("true positive rate", size), size)
    body = _LINE.format(plot.line([0, 1], [0, 1]), "currentColor", 1, _DASHED)
    body += _LINE.format(
        plot.line(curve["false_positive_rate"], curve["true_positive_rate"]), BLUE, 2, ""
    ) + _here(plot, here)
    return plot.svg(f"ROC curve of {label}", f"{auc}Dashed: lots.{_served(here)}", body)


def precision_recall(
    curve: Mapping[str, Any], label: str, here: tuple[float, float] | None, base: float, size: Size
) -> Markup:
    """Draw the precision by the share that is found, as steps; `base` is the precision of lots."""
    plot = Plot(shares("recall", size), shares("precision", size), size)
    body = _LINE.format(plot.line([0, 1], [base, base]), "currentColor", 1, _DASHED)
    body += _LINE.format(plot.line(curve["recall"], curve["precision"], steps=True), BLUE, 2, "")
    said = f"Dashed: lots, {base:.2g}.{_served(here)}"
    return plot.svg(f"Precision and recall of {label}", said, body + _here(plot, here))


def reliability(bins: Mapping[str, Any]) -> Markup:
    """Draw how often came true what was predicted, a point a bin with its interval of 95 %."""
    ends = [wilson(came, rows) for came, rows in zip(bins["share"], bins["rows"], strict=True)]
    reach = max([*bins["predicted"], *(high for _, high in ends)])
    x, y = (
        shares(label) if reach > HALF else linear(label, [0, reach])
        for label in ("mean predicted probability", "share that came true")
    )
    plot = Plot(x, y)
    body = _LINE.format(plot.line([0, x.high], [0, x.high]), "currentColor", 1, _DASHED)
    for predicted, came, (low, high) in zip(bins["predicted"], bins["share"], ends, strict=True):
        interval = f"M{plot.across(predicted)} {plot.up(low)}V{plot.up(high)}"
        body += _LINE.format(interval, BLUE, 1.5, "")
        body += _dot(plot, predicted, came, 3.5)
    return plot.svg(
        "Reliability", f"{len(bins['rows'])} points; on the dashed line is a probability that is kept.", body
    )


def wilson(share: float, rows: int) -> tuple[float, float]:
    """Return the interval of 95 % of a share of so many rows, after Wilson."""
    square = NORMAL**2
    middle = (share + square / (2 * rows)) / (1 + square / rows)
    reach = NORMAL * np.sqrt(share * (1 - share) / rows + square / (4 * rows**2)) / (1 + square / rows)
    return max(float(middle - reach), 0.0), min(float(middle + reach), 1.0)


def histogram(counts: Mapping[str, Sequence[int]], label: str, threshold: float | None, size: Size) -> Markup:
    """Draw where the probability of a class lies: its own rows upwards, all others downwards, as shares."""
    sides = [np.array(counts[side], np.float64) for side in ("own", "others")]
    heights = [side / max(side.sum(), 1) for side in sides]
    top = linear("", [0, max(0.01, *(height.max() for height in heights))], 3)
    ticks = [(-at, text) for at, text in top.ticks[:0:-1]] + list(top.ticks)
    share = Axis("← others, share, own →", -top.high, top.high, tuple(ticks))
    plot = Plot(shares("probability", size), share, size)
    body = Markup("")
    edges = [place / SCORE_BINS for place in range(SCORE_BINS + 1)]
    for height, sign, colour in zip(heights, (1, -1), (BLUE, ORANGE), strict=True):
        path = plot.line(edges, [0, *(sign * height)], steps=True)
        body += Markup('<path d="{}V{}Z" fill="{}"/>').format(path, f"{plot.up(0):g}", colour)
    if threshold is not None:
        x = f"{plot.across(threshold):g}"
        body += _LINE.format(f"M{x} {plot.up(top.high):g}V{plot.up(-top.high):g}", "currentColor", 1, _DASHED)
    own, others = (count(int(side.sum())) for side in sides)
    return plot.svg(f"Probability of {label}", f"{own} rows of the class, {others} others.", body)


def plane(
    points: Mapping[str, Any],
    line: tuple[float, float, float],
    names: tuple[str, str],
    classes: Sequence[str],
) -> Markup:
    """Draw rows by two inputs, circles and crosses by class, and where the answer changes.

    On `line` = (a, b, c) a times the first input plus b times the second plus c is 0.
    """
    xs, ys = points["inputs"]
    plot = Plot(linear("first input", xs), linear("second input", ys))
    body = Markup("")
    for x, y, index in zip(xs, ys, points["classes"], strict=True):
        if index:
            left, top = plot.across(x) - 3, plot.up(y) - 3
            cross = f"M{left:.4g} {top:.4g}l6 6m0-6l-6 6"
            body += _LINE.format(cross, ORANGE, 1.5, "")
        else:
            body += _dot(plot, x, y, 3)
    if ends := _within(line, plot):
        (x1, y1), (x2, y2) = ends
        body += _LINE.format(
            f"M{plot.across(x1)} {plot.up(y1)}L{plot.across(x2)} {plot.up(y2)}", "currentColor", 1.5, ""
        )
    said = f"Across {names[0]}, up {names[1]}: circles are {classes[0]}, crosses {classes[1]}."
    return plot.svg("Where the answer changes", said, body)


def _within(line: tuple[float, float, float], plot: Plot) -> list[tuple[float, float]]:
    """Return where a line enters and leaves the frame; nothing where it does not."""
    a, b, c = line
    found = []
    if b:
        found += [(x, -(a * x + c) / b) for x in (plot.x.low, plot.x.high)]
    if a:
        found += [(-(b * y + c) / a, y) for y in (plot.y.low, plot.y.high)]
    inside = sorted(
        {(x, y) for x, y in found if plot.x.low <= x <= plot.x.high and plot.y.low <= y <= plot.y.high}
    )
    return [inside[0], inside[-1]] if len(inside) > 1 else []


def scale(axis: Axis) -> Markup:
    """Draw the ends of the axis of `whisker`, and its zero, where there is room for them."""
    told = {0.0: "middle"}
    told |= {axis.low: "start"} if axis.at(0) > ROOM else {}
    told |= {axis.high: "end"} if axis.at(0) < 1 - ROOM else {}
    texts = Markup("").join(
        Markup('<text x="{}" y="11" text-anchor="{}">{}</text>').format(
            _place(axis, at), anchor, number(at, 2)
        )
        for at, anchor in told.items()
    )
    return Markup('<svg class="k" aria-hidden="true">{}</svg>').format(texts)


def whisker(axis: Axis, value: float, spread: float | None) -> Markup:
    """Draw a coefficient and its interval of 95 % in a line of a table, whose numbers say the same.

    It is as wide as the page has room, so places are shares, and lines are drawn as the page says.
    """
    reach = Markup("")
    if spread is not None:
        ends = (_place(axis, value + sign * NORMAL * spread) for sign in (-1, 1))
        reach = Markup('<line x1="{}" x2="{}" y1="7" y2="7"/>').format(*ends)
    return Markup(
        '<svg class="k" aria-hidden="true"><line x1="{0}" x2="{0}" y2="14"/>{1}'
        '<circle cx="{2}" cy="7" r="3.5"/></svg>'
    ).format(_place(axis, 0), reach, _place(axis, value))


def _place(axis: Axis, value: float) -> str:
    return f"{3 + 94 * axis.at(value):.3g}%"


def _dot(plot: Plot, x: float, y: float, radius: float) -> Markup:
    return Markup('<circle cx="{}" cy="{}" r="{}" fill="{}"/>').format(
        plot.across(x), plot.up(y), radius, BLUE
    )


def _here(plot: Plot, point: tuple[float, float] | None) -> Markup:
    if point is None:
        return Markup("")
    x, y = plot.across(point[0]), plot.up(point[1])
    return _HERE.format(
        x=x, y=y, top=f"{y - 5:g}", bottom=f"{y + 5:g}", left=f"{x - 5:g}", right=f"{x + 5:g}", fill=ORANGE
    )


def _served(point: tuple[float, float] | None) -> str:
    return "" if point is None else f" The diamond, what is served: {point[0]:.3g}, {point[1]:.3g}."
