"""Rows counted anew, one by one and as float64: what the drift room's counts must be."""

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.inputs import Boolean, Categorical, Input
from models.manifest import Manifest

Floats = NDArray[np.float32]

TWENTIETHS = [place / 20 for place in range(21)]


def recount(manifest: Manifest, places: Sequence[int], rows: Floats, probabilities: Floats) -> list[float]:
    """Return what `Layout` lists, of encoded rows [rows, inputs] and probabilities [rows, classes]."""
    found: list[float] = []
    for place in places:
        found += _of_input(manifest.inputs[place], rows[:, place].tolist())
    scored = [row for row in probabilities.tolist() if not math.isnan(row[0])]
    for index in range(len(manifest.classes)):
        bins = Counter(min(bisect_right(TWENTIETHS, row[index]), 20) - 1 for row in scored)
        found += [bins[place] for place in range(20)]
    count = len(manifest.classes)
    confusion = [[0.0] * count for _ in range(count)]
    log_loss = brier = 0.0
    for row in scored:
        label = manifest.decision.of_row(row)
        for actual, probability in enumerate(row):
            confusion[label][actual] += probability
            if probability > 0:
                log_loss -= probability * math.log(probability)
            if manifest.positive in (None, manifest.classes[actual]):
                brier += probability * (1 - probability)
    return [*found, len(rows), *(each for row in confusion for each in row), log_loss, brier]


def _of_input(item: Input, cells: Sequence[float]) -> list[int]:
    if isinstance(item, Categorical):
        codes = Counter(map(int, cells))
        count = len(item.categories)
        wanted = [*range(count), *([count] if item.rare else []), count + 1]
        counts, missing = [codes[code] for code in wanted], codes[count + 2]
    else:
        there = [cell for cell in cells if not math.isnan(cell)]
        missing = len(cells) - len(there)
        if isinstance(item, Boolean):
            counts = [there.count(0), there.count(1)]
        else:
            reference = item.reference
            edges = [reference.min, reference.max] if reference.bins is None else reference.bins.edges
            found = Counter(_bin(edges, cell) for cell in there)
            counts = [found[place] for place in range(-1, len(edges))]
    return [*counts, *([missing] if item.missing.admitted else [])]


def _bin(edges: Sequence[float], value: float) -> int:
    """Return the number of a value's bin: -1 below, and as many as there are bins above."""
    if value > edges[-1]:
        return len(edges) - 1
    return min(bisect_right(edges, value) - 1, len(edges) - 2)
