"""From raw inputs to the columns of the fit, and from its weights back. Knows nothing of files or solvers.

A number is standardised; where its column has gaps it is imputed by the train median (a boolean by its most
frequent value), and an indicator, 0 or 1, is a column of its own. A category is a column, 0 or 1; so are the
rare ones together, and a missing one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from models.cells import column as encoder
from models.inputs import Categorical, Input
from models.weights import NO_TABLE, bases
from training.columns import Column, Numbers, Truths
from training.moments import moments

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

    def matrix(self, given: Sequence[Raw] | Raw, *, ones: bool = False) -> Floats:
        """Return columns, float64 [rows, columns], of `given` encoded ones, float32 [rows], an input each.

        With `ones` there is another column, the last, as an intercept has it. A column's cells are together
        in memory, and so they had best be in what is given.
        """
        mean, inverse = self._scaling
        found = np.empty((len(mean) + ones, len(given[0])))
        found[len(mean) :] = 1
        for part, item, codes in zip(self.parts, self.inputs, self.codes, strict=True):
            values, own = given[part.input], found[part.first : part.first + len(part.names)]
            if isinstance(item, Categorical):
                rare = len(item.categories)
                # What was never seen is as rare as what is: `weights` serves it so.
                places = np.where(values == rare + 1, np.float32(rare), values)
                np.equal(places, np.array(codes, np.float32)[:, None], out=own, casting="unsafe")
                continue
            own[0] = values
            if item.missing.admitted:
                gaps = np.isnan(values)
                own[0][gaps] = np.float32(item.missing.imputed_by or 0)
                own[1] = gaps
        # All at once, which changes none that is 0 or 1: threads wait for each other at every call.
        found[: len(mean)] -= mean
        found[: len(mean)] *= inverse
        return found.T

    @cached_property
    def _scaling(self) -> tuple[Floats, Floats]:
        """What is taken off each column, and what then multiplies it, [columns, 1]; 0 and 1 for flags."""
        numbers = [each for each in self.parts if not isinstance(self.inputs[each.input], Categorical)]
        width = self.parts[-1].first + len(self.parts[-1].names)
        mean, inverse = np.zeros((width, 1)), np.ones((width, 1))
        mean[[part.first for part in numbers], 0] = self.mean[[part.input for part in numbers]]
        inverse[[part.first for part in numbers], 0] = 1 / self.scale[[part.input for part in numbers]]
        return mean, inverse

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


def encode(column: Column, item: Input) -> NDArray[np.float32]:
    """Return a column's cells as the service encodes those of the input, float32 [rows]."""
    if isinstance(column, Numbers):
        return column.values
    cells = [False, True] if isinstance(column, Truths) else list(column.distinct)
    codes = np.array(encoder(item).encode(cells + [None] * column.gaps), np.float32)
    return codes[column.codes]  # MISSING is -1, the last


def make(inputs: tuple[Input, ...], columns: Iterable[NDArray[np.float32]]) -> Design:
    """Find the columns and their scaling from encoded train rows, a column float32 [rows] an input.

    The scale is the standard deviation (of n, as scikit-learn's StandardScaler) of imputed values, and 1 for
    a column that is constant there.
    """
    parts, codes, first = [], [], 0
    mean, scale = np.zeros(len(inputs)), np.ones(len(inputs))
    for place, (item, values) in enumerate(zip(inputs, columns, strict=True)):
        own: tuple[int, ...] = ()
        if isinstance(item, Categorical):
            own, names = _category_columns(item, values)
        else:
            names = (item.name, f"{item.name} is missing") if item.missing.admitted else (item.name,)
            found, deviation = moments(values, float(np.float32(item.missing.imputed_by or 0)))
            mean[place] = np.float32(found)
            # Below SMALLEST it would make an infinite slope.
            scale[place] = 1 if deviation < SMALLEST else np.float32(deviation)
        parts.append(Part(place, first, names))
        codes.append(own)
        first += len(names)
    return Design(inputs, tuple(parts), mean, scale, tuple(codes))


def _category_columns(
    item: Categorical, values: NDArray[np.float32]
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    count = len(item.categories)
    own, names = list(range(count)), [f"{item.name} = {category}" for category in item.categories]
    if (values == count).any():
        own.append(count)
        names.append(f"{item.name} is rare")
    if item.missing.admitted:
        own.append(count + 2)
        names.append(f"{item.name} is missing")
    return tuple(own), tuple(names)
