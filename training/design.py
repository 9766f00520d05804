"""From raw inputs to the columns of the fit, and from its weights back. Knows nothing of files or solvers.

A number is standardised; where its column has gaps it is imputed by the train median (a boolean by its most
frequent value), and an indicator, 0 or 1, is a column of its own. A category is a column, 0 or 1; so are the
rare ones together, and a missing one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.encode import Encoder
from models.inputs import Categorical, Input
from models.weights import NO_TABLE, bases
from training.columns import Column, Numbers, Truths

SMALLEST = 1e-35
"""A standard deviation for which float32 still holds the slope of a weight of 1,000."""

Raw = NDArray[np.float32]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Part:
    """The columns that one input became: from `first` on, `names` of them."""

    input: int
    first: int
    names: tuple[str, ...]


@dataclass(frozen=True)
class Design:
    """How raw rows [rows, inputs] become columns. Mean and scale, float64 [inputs], are a float32's each."""

    inputs: tuple[Input, ...]
    parts: tuple[Part, ...]
    mean: Floats
    scale: Floats
    codes: tuple[tuple[int, ...], ...]
    """For a categorical input, the code of each of its columns."""

    @property
    def columns(self) -> list[str]:
        """The columns' names."""
        return [name for part in self.parts for name in part.names]

    def matrix(self, raw: Raw) -> Floats:
        """Return columns, float64 [rows, columns], of encoded rows, float32 [rows, inputs]."""
        found = np.zeros((len(raw), len(self.columns)))
        for part, item, codes in zip(self.parts, self.inputs, self.codes, strict=True):
            values = raw[:, part.input].astype(np.float64)
            if isinstance(item, Categorical):
                rare = len(item.categories)
                values[values == rare + 1] = rare  # as what is served: `weights`
                found[:, part.first : part.first + len(codes)] = values[:, None] == codes
                continue
            gaps = np.isnan(values)
            if item.missing.admitted:
                values[gaps] = np.float32(item.missing.imputed_by or 0)
                found[:, part.first + 1] = gaps
            found[:, part.first] = (values - self.mean[part.input]) / self.scale[part.input]
        return found

    def weights(self, weight: Floats, bias: Floats) -> dict[str, NDArray[np.float32] | NDArray[np.int64]]:
        """Return the tensors of model.safetensors for weights [k, columns] and intercepts [k] of the fit.

        Unseen categories get the rare ones' weight, or 0 when there were none.
        """
        k, base = len(weight), bases(self.inputs)
        slope, missing = np.zeros((k, len(self.inputs))), np.zeros((k, len(self.inputs)))
        places = sum(item.places for item in self.inputs if isinstance(item, Categorical))
        table = np.zeros((k, places))
        for part, item, codes in zip(self.parts, self.inputs, self.codes, strict=True):
            own = weight[:, part.first : part.first + len(part.names)]
            place = part.input
            if isinstance(item, Categorical):
                table[:, base[place] + np.array(codes, np.int64)] = own
                rare, unseen = base[place] + len(item.categories), base[place] + len(item.categories) + 1
                table[:, unseen] = table[:, rare]
                continue
            slope[:, place] = own[:, 0] / self.scale[place]
            if item.missing.admitted:
                imputed = float(np.float32(item.missing.imputed_by or 0))
                missing[:, place] = slope[:, place] * (imputed - self.mean[place]) + own[:, 1]
        mean = np.where(base == NO_TABLE, self.mean, 0)
        tensors = {"mean": mean, "slope": slope, "missing": missing, "table": table, "bias": bias}
        return {"base": base, **{name: value.astype(np.float32) for name, value in tensors.items()}}


def encode(columns: Sequence[Column], inputs: Sequence[Input]) -> Raw:
    """Return raw rows, float32 [rows, inputs], by the encoder that the service has."""
    encoder = Encoder(inputs)
    found = np.empty((_rows(columns[0]), len(inputs)), np.float32)
    for place, (column, each) in enumerate(zip(columns, encoder.columns, strict=True)):
        if isinstance(column, Numbers):
            found[:, place] = column.values
            continue
        cells = [False, True] if isinstance(column, Truths) else list(column.distinct)
        codes = np.array(each.encode(cells + [None] * column.gaps), np.float32)
        found[:, place] = codes[column.codes]  # MISSING is -1, the last
    return found


def make(inputs: tuple[Input, ...], raw: Raw) -> Design:
    """Find the columns and their scaling from encoded train rows, float32 [rows, inputs].

    The scale is the standard deviation (of n, as scikit-learn's StandardScaler) of imputed values, and 1 for
    a column that is constant there.
    """
    parts, codes, first = [], [], 0
    mean, scale = np.zeros(len(inputs)), np.ones(len(inputs))
    for place, item in enumerate(inputs):
        own: tuple[int, ...] = ()
        if isinstance(item, Categorical):
            own, names = _category_columns(item, raw[:, place])
        else:
            names = (item.name, f"{item.name} is missing") if item.missing.admitted else (item.name,)
            values = raw[:, place].astype(np.float64)
            values[np.isnan(values)] = np.float32(item.missing.imputed_by or 0)
            mean[place] = np.float32(values.mean())
            deviation = np.float32(values.std())
            # Rounding gives a constant column a tiny deviation; one below SMALLEST, an infinite slope.
            constant = values.min() == values.max() or deviation < SMALLEST
            scale[place] = 1 if constant else deviation
        parts.append(Part(place, first, names))
        codes.append(own)
        first += len(names)
    return Design(inputs, tuple(parts), mean, scale, tuple(codes))


def _category_columns(item: Categorical, raw: Raw) -> tuple[tuple[int, ...], tuple[str, ...]]:
    count = len(item.categories)
    own, names = list(range(count)), [f"{item.name} = {category}" for category in item.categories]
    if (raw == count).any():
        own.append(count)
        names.append(f"{item.name} is rare")
    if item.missing.admitted:
        own.append(count + 2)
        names.append(f"{item.name} is missing")
    return tuple(own), tuple(names)


def _rows(column: Column) -> int:
    return len(column.values if isinstance(column, Numbers) else column.codes)
