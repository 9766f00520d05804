"""Cells to the numbers that a module reads: the one place where text, truths and gaps become float32.

Training, service and gate share it. Knows nothing of files, requests or torch.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.inputs import Boolean, Categorical, Input, Numeric

NUMBERS = frozenset({int, float})
NOTHING = frozenset({type(None)})
MOST_NAMED = 5
"""Texts of a boolean that a refusal repeats."""

Floats = NDArray[np.float32]


class CellError(ValueError):
    """A cell that its input does not take; the message says why, and `place` which of the cells it is."""

    def __init__(self, place: int, reason: str) -> None:
        super().__init__(reason)
        self.place = place


class _Numbers:
    """A number is itself, and a missing one NaN."""

    def __init__(self, item: Numeric) -> None:
        self._types = NUMBERS | (NOTHING if item.missing.admitted else frozenset())
        self._missing = "a missing value, which the model does not admit"

    def encode(self, cells: Sequence[Any]) -> Sequence[float | None]:
        """Return numbers, with None for NaN, which NumPy makes of it."""
        if not self._types.issuperset(map(type, cells)):
            place = next(place for place, cell in enumerate(cells) if type(cell) not in self._types)
            raise CellError(place, self._missing if cells[place] is None else "not a number")
        return cells


class _Codes:
    """A cell is looked up; what is not there is refused, or has a code of its own."""

    def __init__(self, codes: Mapping[Any, float], types: frozenset[type], wanted: str) -> None:
        self._codes, self._types, self._wanted = dict(codes), types, wanted

    def encode(self, cells: Sequence[Any]) -> list[float]:
        """Return codes."""
        if not self._types.issuperset(map(type, cells)):
            place = next(place for place, cell in enumerate(cells) if type(cell) not in self._types)
            missing = "a missing value, which the model does not admit"
            raise CellError(place, missing if cells[place] is None else self._wanted)
        get = self._codes.get
        found = [get(cell) for cell in cells]
        if None in found:
            found = [
                self._otherwise(place, cells[place]) if code is None else code
                for place, code in enumerate(found)
            ]
        return found  # type: ignore[return-value] # no None is left

    def _otherwise(self, place: int, cell: Any) -> float:
        """Return the code of a cell that is not spelled as in training."""
        raise CellError(place, f"{self._wanted}, not {cell!r:.40}")


class _Truths(_Codes):
    """A truth is 0 or 1; a text is the truth that it stood for in training, in any case."""

    def __init__(self, item: Boolean) -> None:
        nothing = {None: math.nan, "": math.nan} if item.missing.admitted else {}
        truths = {text: float(truth) for text, truth in item.texts.items()}
        named = "".join(f", {text!r}" for text in list(item.texts)[:MOST_NAMED])
        types = frozenset({bool, str}) | (NOTHING if nothing else frozenset())
        super().__init__({False: 0.0, True: 1.0, **truths, **nothing}, types, f"wanted true, false{named}")
        self._folded = {text.casefold(): truth for text, truth in truths.items()} | nothing

    def _otherwise(self, place: int, cell: Any) -> float:
        found = self._folded.get(cell.strip().casefold())
        return super()._otherwise(place, cell) if found is None else found


class _Categories(_Codes):
    """A category has its place; rare ones share the next, unseen ones have the one after, missing the last."""

    def __init__(self, item: Categorical) -> None:
        count = len(item.categories)
        self.unseen = float(count + 1)
        nothing = {None: float(count + 2)} if item.missing.admitted else {}
        if nothing and not item.of_integers:
            nothing[""] = nothing[None]  # type: ignore[index] # as an empty cell of a file
        codes = {category: float(place) for place, category in enumerate(item.categories)}
        codes |= dict.fromkeys(item.rare, float(count))
        kinds = NUMBERS if item.of_integers else frozenset({str})
        types = frozenset(kinds) | (NOTHING if nothing else frozenset())
        super().__init__(codes | nothing, types, "wanted an integer" if item.of_integers else "wanted a text")
        self._of_integers = item.of_integers

    def _otherwise(self, place: int, cell: Any) -> float:
        if self._of_integers:
            return self.unseen if cell == int(cell) else super()._otherwise(place, cell)
        return self._codes.get(cell.strip(), self.unseen)


def _column(item: Input) -> _Numbers | _Codes:
    if isinstance(item, Numeric):
        return _Numbers(item)
    return _Truths(item) if isinstance(item, Boolean) else _Categories(item)


class Encoder:
    """The inputs of one model, and how rows of cells become what its module reads."""

    def __init__(self, inputs: Sequence[Input]) -> None:
        self.names = [item.name for item in inputs]
        self.columns = [_column(item) for item in inputs]
        self.categorical = [
            (place, column.unseen)
            for place, column in enumerate(self.columns)
            if isinstance(column, _Categories)
        ]
        """The places of the inputs that take text which is new to them, and their code for it."""

    def encode(self, columns: Sequence[Sequence[Any]]) -> Floats:
        """Return float32 [rows, inputs] of one sequence of cells an input.

        Raises CellError, whose place is row * inputs + input, for the first cell of the first input that
        does not take it.
        """
        found: list[Sequence[float | None]] = []
        for index, (column, cells) in enumerate(zip(self.columns, columns, strict=True)):
            try:
                found.append(column.encode(cells))
            except CellError as error:
                raise CellError(error.place * len(columns) + index, str(error)) from None
        try:
            wide = np.array(found, np.float64)
        except OverflowError:  # an integer beyond float64
            wide = np.array([[_bounded(value) for value in column] for column in found], np.float64)
        with np.errstate(over="ignore"):
            values: Floats = np.ascontiguousarray(wide.T, np.float32)
        if np.isinf(values).any():
            place = int(np.isinf(values).ravel().argmax())
            given = columns[place % len(columns)][place // len(columns)]
            raise CellError(place, "not a finite number" if _infinite(given) else "too large for float32")
        return values

    def encode_row(self, cells: Sequence[Any]) -> Floats:
        """Return float32 [1, inputs] of one row; raises CellError, whose place is the input's."""
        return self.encode([[cell] for cell in cells])

    def unseen(self, rows: Floats) -> list[list[str]]:
        """Return for each row of [rows, inputs] the names of the inputs whose category training never saw."""
        return [
            [self.names[place] for place, unseen in self.categorical if row[place] == unseen]
            for row in rows.tolist()
        ]


def by_column(rows: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
    """Return the columns of rows of equal length."""
    return list(zip(*rows, strict=True))


def _bounded(value: float | None) -> float | None:
    """Return a number that float64 holds, infinite where the integer given is beyond it."""
    try:
        return None if value is None else float(value)
    except OverflowError:
        return math.inf


def _infinite(value: Any) -> bool:
    return isinstance(value, float) and math.isinf(value)

