"""What is counted of a version: columns, their bins, training's share of each. Knows nothing of rows."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import msgspec
import numpy as np

from models.inputs import Boolean, Categorical, Input, Numeric
from models.record import SCORE_BINS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.manifest import Manifest
    from models.weights import Weights

BELOW, ABOVE, MISSING, RARE, UNSEEN = "below", "above", "missing", "rare", "unseen"
MOST_CLASSES = 20
"""A version with more has its inputs and its losses alone: a thousand classes would have a million pairs."""
RESERVED = frozenset({BELOW, ABOVE, MISSING, RARE, UNSEEN})


class Column(msgspec.Struct, frozen=True):
    """An input, or a class's probability: the names of its bins, and training's share of each.

    `reference` is None where training left none; it is of `reference_rows` rows.
    """

    kind: Literal["input", "score"]
    name: str
    unit: str | None
    of: Literal["numeric", "boolean", "categorical", "score"]
    bins: tuple[str, ...]
    reference: tuple[float, ...] | None
    reference_rows: int


def columns(manifest: Manifest, places: Sequence[int]) -> list[Column]:
    """Return the inputs at `places`, and then the score of each class."""
    return [*(_input(manifest.inputs[place]) for place in places), *_scores(manifest)]


def told_classes(manifest: Manifest) -> tuple[str, ...]:
    """Return the classes whose scores and confusion are counted: none where there are too many."""
    return manifest.classes if len(manifest.classes) <= MOST_CLASSES else ()


def heaviest(manifest: Manifest, weights: Weights, limit: int) -> list[int]:
    """Return the places, ascending, of the `limit` inputs that spread the logits most over training's rows.

    An input's spread is the standard deviation of what it adds, of the logit where that is largest.
    """
    spreads = [_spread(item, weights, place) for place, item in enumerate(manifest.inputs)]
    return sorted(sorted(range(len(spreads)), key=lambda place: -spreads[place])[:limit])


def edges(item: Numeric) -> list[float]:
    """Return the edges of a number's bins; those of a constant, or of an older format, are its range."""
    bins = item.reference.bins
    return [item.reference.min, item.reference.max] if bins is None else list(bins.edges)


def _input(item: Input) -> Column:
    missing = item.reference.missing
    if isinstance(item, Numeric):
        ends = [*map(_number, edges(item))]
        inner = [f"{low}..{high}" for low, high in pairwise(ends)]
        shares = (1.0,) if item.reference.bins is None else item.reference.bins.shares
        bins, reference = [BELOW, *inner, ABOVE], [0.0, *(share * (1 - missing) for share in shares), 0.0]
    elif isinstance(item, Boolean):
        bins, reference = ["false", "true"], [item.reference.false, item.reference.true]
    else:
        bins, reference = [_text(each) for each in item.categories], [*item.reference.shares]
        if item.rare:
            bins, reference = [*bins, RARE], [*reference, item.reference.rare]
        bins, reference = [*bins, UNSEEN], [*reference, 0.0]
    if item.missing.admitted:
        bins, reference = [*bins, MISSING], [*reference, missing]
    return Column(
        "input", item.name, item.unit, item.kind, tuple(bins), tuple(reference), item.reference.rows
    )


def _number(edge: float) -> str:
    """Return an edge in as few digits as tell it: training's are float32."""
    with np.errstate(over="ignore"):
        narrow = np.float32(edge)
    return str(narrow) if float(narrow) == edge else repr(edge)


def _text(category: str | int) -> str:
    """Return a category's name as a bin: like JSON where it could be taken for another one's."""
    text = str(category)
    return json.dumps(text) if text in RESERVED or text.startswith('"') else text


def _scores(manifest: Manifest) -> list[Column]:
    ends = [f"{place / SCORE_BINS:g}" for place in range(SCORE_BINS + 1)]
    bins = tuple(f"{low}..{high}" for low, high in pairwise(ends))
    known = manifest.scores
    return [
        Column(
            "score",
            label,
            None,
            "score",
            bins,
            known.shares[label] if known else None,
            known.rows if known else 0,
        )
        for label in told_classes(manifest)
    ]


def _spread(item: Input, weights: Weights, place: int) -> float:
    if isinstance(item, Categorical):
        shares = np.array([*item.reference.shares, item.reference.rare, 0.0, item.reference.missing])
        first = weights.base[place]
        added = weights.table[:, first : first + item.places]
        mean = added @ shares
        return float(np.sqrt(((added - mean[:, None]) ** 2) @ shares).max())
    if isinstance(item, Boolean):
        there = 1 - item.reference.missing or 1.0
        true = item.reference.true / there
        deviation = math.sqrt(true * (1 - true))
    else:
        deviation = item.reference.std
    return float(np.abs(weights.slope[:, place]).max()) * deviation
