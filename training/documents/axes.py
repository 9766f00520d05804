"""Axes, and the frame of a chart in SVG, in which every text is ours. Knows nothing of models.

What a chart is called, and what it is of, stands beside it as text: names of a file would not fit, and a mail
client that shows no SVG keeps them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from training.curves import thin
from training.documents.digits import number

LARGE, SMALL = (320, 230), (230, 172)
"""Width and height of a chart; a small one is one of three beside each other on paper."""
TOP, RIGHT, BOTTOM = 8, 12, 36
LEAST = 1e-290
"""Of an axis by powers of ten: below are those of which float64 has fewer digits."""
LETTER = 6.2
"""The width of a digit at FONT, roughly."""
FONT = 11
PIXELS = 5
"""Between two points of a line, about."""
BLUE, ORANGE = "#2f7fc1", "#c8641a"
"""Told apart by the colour-blind; at least 3.8 to 1 against white and against the dark page."""


@dataclass(frozen=True)
class Axis:
    """What is measured, from where to where, and its ticks with their texts. `log` is by powers of ten."""

    label: str
    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    log: bool = False

    def at(self, value: float) -> float:
        """Return where a value lies, 0 at `low` and 1 at `high`; what is outside is put at the edge."""
        low, high = self.low, self.high
        if self.log:
            low, high, value = math.log10(low), math.log10(high), math.log10(max(value, low))
        return min(max((value - low) / (high - low), 0.0), 1.0)


def shares(label: str, size: tuple[int, int] = LARGE) -> Axis:
    """Return an axis from 0 to 1."""
    parts = 5 if size == LARGE else 2
    return Axis(label, 0, 1, tuple((tick / parts, f"{tick / parts:g}") for tick in range(parts + 1)))


def linear(label: str, values: Sequence[float], about: int = 5) -> Axis:
    """Return an axis that holds the values, with ticks at round numbers."""
    low, high = min(values), max(values)
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        reach = abs(high) or 1.0
        low, high = low - reach / 2, high + reach / 2
    step = round_step((high - low) / about)
    first, last = math.floor(low / step), math.ceil(high / step)
    ticks = tuple((place * step, number(place * step, 3)) for place in range(first, last + 1))
    return Axis(label, first * step, last * step, ticks)


def round_step(width: float) -> float:
    """Return the next of 1, 2 and 5 times a power of ten."""
    power: float = 10.0 ** math.floor(math.log10(width))
    return next(times * power for times in (1, 2, 5, 10) if times * power >= width * (1 - 1e-9))


def decades(label: str, values: Sequence[float]) -> Axis:
    """Return an axis by powers of ten that holds the values above 0, with at most six ticks."""
    there = [max(value, LEAST) for value in values if value > 0] or [1.0]
    low, high = math.floor(math.log10(min(there))), math.ceil(math.log10(max(there)))
    every = max(1, math.ceil((high - low) / 5))
    low -= (low - high) % every
    high += low == high
    ticks = tuple(
        (10.0**power, number(10.0**power, 1).removeprefix("1·")) for power in range(low, high + 1, every)
    )
    return Axis(label, 10.0**low, 10.0**high, ticks, log=True)


@dataclass(frozen=True)
class Plot:
    """A frame between two axes."""

    x: Axis
    y: Axis
    size: tuple[int, int] = LARGE

    @property
    def right(self) -> float:
        """Where the frame ends."""
        return self.size[0] - RIGHT

    @property
    def bottom(self) -> float:
        """Where the horizontal axis is."""
        return self.size[1] - BOTTOM

    @property
    def left(self) -> float:
        """Where the frame begins: its ticks' texts and the label are beside it."""
        return 24 + LETTER * max(len(text) for _, text in self.y.ticks)

    def across(self, value: float) -> float:
        """Return where a value of the horizontal axis is."""
        return round(self.left + (self.right - self.left) * self.x.at(value), 1)

    def up(self, value: float) -> float:
        """Return where a value of the vertical axis is."""
        return round(self.bottom - (self.bottom - TOP) * self.y.at(value), 1)

    def line(self, xs: Sequence[float], ys: Sequence[float], *, steps: bool = False) -> str:
        """Return the path through points; with `steps` it goes up or down first, and then across."""
        places = np.array([[self.across(x), self.up(y)] for x, y in zip(xs, ys, strict=True)])
        tenths = (
            (places[thin(places[:, 0], places[:, 1], self.size[0] // PIXELS)] * 10).round().astype(np.int64)
        )
        path = "M" + _pair(*tenths[0].tolist())
        for right, down in np.diff(tenths, axis=0).tolist():
            if right and down and not steps:
                path += "l" + _pair(right, down)
                continue
            path += ("v" + _tenths(down) if down else "") + ("h" + _tenths(right) if right else "")
        return path

    def svg(self, title: str, description: str, body: Markup) -> Markup:
        """Return the chart: axes with ticks and labels, `body` above the grid, and its text alternative."""
        bottom, right = self.bottom, self.right
        grid = "".join(f"M{self.across(at):g} {TOP}V{bottom}" for at, _ in self.x.ticks)
        grid += "".join(f"M{self.left:g} {self.up(at):g}H{right}" for at, _ in self.y.ticks)
        below = Markup("").join(
            Markup('<text x="{}" y="{}">{}</text>').format(f"{self.across(at):g}", bottom + 14, text)
            for at, text in _that_fit(self.x.ticks, right - self.left)
        )
        beside = Markup("").join(
            Markup('<text x="{}" y="{}">{}</text>').format(
                f"{self.left - 5:.4g}", f"{self.up(at) + 4:g}", text
            )
            for at, text in self.y.ticks
        )
        middle = round((TOP + bottom) / 2)
        return Markup(
            '<svg viewBox="0 0 {w} {h}" width="{w}" height="{h}" role="img" font-size="{font}" '
            'fill="currentColor"><title>{title}</title><desc>{description}</desc>'
            '<path d="{grid}" stroke="currentColor" stroke-opacity=".15"/>'
            '<g text-anchor="middle">{below}<text x="{centre}" y="{low}">{across}</text>'
            '<text transform="translate(11 {middle}) rotate(-90)">{up}</text></g>'
            '<g text-anchor="end">{beside}</g>{body}</svg>'
        ).format(
            w=self.size[0], h=self.size[1], font=FONT, title=title, description=description, grid=grid,
            below=below, centre=round((self.left + right) / 2), low=self.size[1] - 5, across=self.x.label,
            middle=middle, up=self.y.label, beside=beside, body=body,
        )  # fmt: skip


def _tenths(value: int) -> str:
    """Return a number of tenths as a path may hold it: the zero before the point is left out."""
    return f"{value / 10:g}".replace("0.", ".", 1) if abs(value) < 10 else f"{value / 10:g}"  # noqa: PLR2004


def _pair(right: int, down: int) -> str:
    return _tenths(right) + ("" if down < 0 else " ") + _tenths(down)


def _that_fit(ticks: Sequence[tuple[float, str]], width: float) -> Sequence[tuple[float, str]]:
    """Return every n-th tick, so that their texts do not touch."""
    wide = max(len(text) for _, text in ticks) * LETTER + 6
    return ticks[:: max(1, math.ceil(wide * len(ticks) / width))]
