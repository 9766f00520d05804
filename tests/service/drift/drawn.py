"""Manifests and encoded rows that hypothesis draws, with values on edges and beside them."""

import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.inputs import (
    Bins,
    Boolean,
    BooleanReference,
    Categorical,
    CategoricalReference,
    Input,
    Missing,
    Numeric,
    NumericReference,
)
from models.manifest import Manifest

FROZEN = Manifest.from_json((Path(__file__).parents[2] / "models" / "manifest.v2.json").read_bytes())
NARROW = st.floats(width=32, allow_nan=False, allow_infinity=False)
EDGES = NARROW | st.floats(-10, 10) | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-3, 3)
GAPS = st.booleans().map(lambda admitted: Missing(admitted=admitted, imputed_by=None))


def numeric(edges: list[float], *, gaps: bool = False, bins: bool = True, name: str = "width") -> Numeric:
    """Return a number with these edges, or whose range alone is known."""
    even = tuple(1 / (len(edges) - 1) for _ in edges[1:])
    reference = NumericReference(
        rows=90,
        missing=0.25 if gaps else 0.0,
        mean=0.0,
        std=1.0,
        min=edges[0],
        max=edges[-1],
        bins=Bins(edges=tuple(edges), shares=even) if bins else None,
    )
    return Numeric(name=name, missing=Missing(admitted=gaps, imputed_by=None), reference=reference)


def boolean(missing: Missing) -> Boolean:
    """Return a truth."""
    reference = BooleanReference(rows=90, missing=0.0, false=0.5, true=0.5)
    return Boolean(name="truth", missing=missing, texts={}, reference=reference)


def categorical(categories: Any, rare: Any, missing: Missing) -> Categorical:
    """Return a category."""
    shares = tuple(0.5 / (len(categories) or 1) for _ in categories)
    reference = CategoricalReference(rows=90, missing=0.0, shares=shares, rare=0.5 if rare else 0.0)
    return Categorical(
        name="town", missing=missing, categories=tuple(categories), rare=tuple(rare), reference=reference
    )


@st.composite
def _numerics(draw: st.DrawFn) -> Numeric:
    edges = sorted(draw(st.sets(EDGES.map(float), min_size=2, max_size=6)))
    bins = draw(st.booleans())
    if not bins and draw(st.booleans()):
        edges = [edges[0]] * 2  # a constant
    return numeric(edges, gaps=draw(st.booleans()), bins=bins)


@st.composite
def _categoricals(draw: st.DrawFn) -> Categorical:
    texts: Any = st.text('ab"%', max_size=2) if draw(st.booleans()) else st.integers(-3, 3)
    every = sorted(draw(st.sets(texts, min_size=1, max_size=5)))
    rare = [each for each in every if draw(st.booleans())]
    return categorical([each for each in every if each not in rare], rare, draw(GAPS))


INPUTS: st.SearchStrategy[Input] = _numerics() | _categoricals() | GAPS.map(boolean)


def beside(values: list[float]) -> list[float]:
    """Return values as float32, and their neighbours."""
    with np.errstate(over="ignore"):
        near = np.array(values, np.float32)
        found = np.concatenate(
            [near, np.nextafter(near, np.float32(np.inf)), np.nextafter(near, np.float32(-np.inf))]
        )
    return [float(each) for each in found if np.isfinite(each)]


def cells(item: Input) -> list[float]:
    """Return encoded cells of an input that are worth a look."""
    gap = [math.nan] if item.missing.admitted else []
    if isinstance(item, Boolean):
        return [0.0, 1.0, *gap]
    if isinstance(item, Categorical):
        count = len(item.categories)
        wanted = [*range(count), *([count] if item.rare else []), count + 1]
        return [*map(float, wanted), *([count + 2.0] if item.missing.admitted else [])]
    bins = item.reference.bins
    edges = [item.reference.min, item.reference.max] if bins is None else list(bins.edges)
    return [*beside(edges), -1e38, 0.0, -0.0, 1e-45, 1e38, *gap]


class Drawn(NamedTuple):
    """A model's manifest, the inputs that are looked at, and rows with their probabilities."""

    manifest: Manifest
    places: list[int]
    rows: NDArray[np.float32]
    probabilities: NDArray[np.float32]


@st.composite
def drawn(draw: st.DrawFn, most_rows: int) -> Drawn:
    """Draw a model and rows of it; probabilities need not add up to 1, and a row of them may be NaN."""
    inputs = tuple(draw(st.lists(INPUTS, min_size=1, max_size=5)))
    classes = tuple(f"class {number}" for number in range(draw(st.integers(2, 4))))
    positive = draw(st.sampled_from(classes)) if len(classes) == 2 else None
    threshold = FROZEN.threshold.model_copy(update={"value": draw(st.sampled_from([0.5, 0.05, 0.3]))})
    manifest = FROZEN.model_copy(
        update={
            "inputs": inputs,
            "classes": classes,
            "positive": positive,
            "threshold": threshold,
            "scores": None,
        }
    )
    places = sorted(draw(st.sets(st.sampled_from(range(len(inputs))))))
    count = draw(st.integers(1, 30) | st.integers(1, most_rows))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    columns = [
        random.choice(
            [*cells(item), *draw(st.lists(NARROW, max_size=3))] if item.kind == "numeric" else cells(item),
            count,
        )
        for item in inputs
    ]
    near = [each for each in beside([place / 20 for place in range(21)]) if 0 <= each <= 1]
    probabilities = random.choice([*near, *random.random(5)], (count, len(classes)))
    probabilities[random.random(count) < draw(st.sampled_from([0, 0.3, 1]))] = np.nan
    return Drawn(manifest, places, np.array(columns, np.float32).T.copy(), probabilities.astype(np.float32))
