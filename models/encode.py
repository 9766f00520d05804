"""Cells to the numbers that a module reads: the one place where text, truths and gaps become float32.

Training, service and gate share it. Knows nothing of files, requests or torch.
"""

import math
import struct
from collections import Counter
from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.cells import Categories, CellError, Column, column
from models.inputs import Input

__all__ = ["CellError", "Encoder", "by_column"]

NOT_FINITE = "not a finite number"
FEW = 4
"""Rows that are counted sooner one by one than as an array."""

Floats = NDArray[np.float32]


class Encoder:
    """The inputs of one model, and how rows of cells become what its module reads."""

    def __init__(self, inputs: Sequence[Input]) -> None:
        self.names = [item.name for item in inputs]
        self.columns = [column(item) for item in inputs]
        self.categorical = [
            (place, each.unseen) for place, each in enumerate(self.columns) if isinstance(each, Categories)
        ]
        """The places of the inputs that take text which is new to them, and their code for it."""
        # Numbers that all admit the same are one column, whatever their rows.
        alike = {item.missing.admitted for item in inputs if item.kind == "numeric"}
        plain = len(alike) == 1 and all(item.kind == "numeric" for item in inputs)
        self._alike = self.columns[0] if plain else None
        self._categorical = [place for place, _ in self.categorical]
        self._unseen = np.array([code for _, code in self.categorical], np.float32)

    def encode(self, columns: Sequence[Sequence[Any]]) -> Floats:
        """Return float32 [rows, inputs] of one sequence of cells an input.

        A NaN is taken as a missing number: whoever takes numbers from others refuses it before. Raises
        CellError, whose place is row * inputs + input, for the first cell of the first input that does not
        take it.
        """
        found: list[Sequence[float]] = []
        for index, (own, cells) in enumerate(zip(self.columns, columns, strict=True)):
            try:
                found.append(own.encode(cells))
            except CellError as error:
                raise CellError(error.place * len(columns) + index, str(error), error.kind) from None
        values = _narrowed(found)
        if np.isinf(values).any():
            place = int(np.isinf(values).argmax())
            cell = columns[place % len(columns)][place // len(columns)]
            raise CellError(place, _beyond(cell), "range")
        return values

    def encode_rows(self, rows: Sequence[Sequence[Any]]) -> Floats:
        """Return what `encode` does of the rows' columns; raises ValueError also where lengths differ."""
        if self._alike is None:
            return self.encode(by_column(rows))
        if set(map(len, rows)) != {len(self.names)}:
            raise ValueError("a row of another length")
        numbers = self._alike.encode(list(chain.from_iterable(rows)))
        try:
            packed = struct.pack(f"{len(numbers)}f", *numbers)
        except (OverflowError, struct.error):  # too large for float32; the columns tell which it is
            return self.encode(by_column(rows))
        values = np.frombuffer(packed, np.float32).reshape(len(rows), -1)
        if np.isinf(values).any():
            raise CellError(int(np.isinf(values).argmax()), NOT_FINITE, "range")
        return values

    def sift(self, rows: Sequence[Sequence[Any]]) -> tuple[Floats, dict[int, CellError]]:
        """Return float32 [rows, inputs] of rows of equal length, and of each wrong row what is wrong with it.

        That is of its first wrong cell, whose `place` is the input's; the row's numbers mean nothing then. A
        NaN is wrong.
        """
        if self._alike is not None:
            try:
                values = self.encode_rows(rows)
            except CellError:
                pass  # the columns tell of every row
            else:
                if np.isfinite(values).all():
                    return values, {}
        columns = by_column(rows)
        wrong: dict[int, CellError] = {}
        found: list[Sequence[float]] = []
        for index, (own, cells) in enumerate(zip(self.columns, columns, strict=True)):
            try:
                found.append(own.encode(cells))
            except CellError:
                found.append(_one_by_one(own, index, cells, wrong))
        values = _narrowed(found)
        for row, index in np.argwhere(~np.isfinite(values)).tolist():
            cell = columns[index][row]
            if isinstance(cell, int | float) and (row not in wrong or wrong[row].place > index):
                wrong[row] = CellError(index, _beyond(cell), "range")
        return values, wrong

    def unseen(self, rows: Floats) -> list[list[str]]:
        """Return for each row of [rows, inputs] the names of the inputs whose category training never saw."""
        return [
            [self.names[place] for place, unseen in self.categorical if row[place] == unseen]
            for row in rows.tolist()
        ]

    def count_unseen(self, rows: Floats) -> Counter[str]:
        """Return how many of the rows [rows, inputs] had an unseen category, by input that had any."""
        if not self._categorical:
            return Counter()
        if len(rows) <= FEW:
            return Counter(chain.from_iterable(self.unseen(rows)))
        found = rows[:, self._categorical] == self._unseen
        if not found.any():
            return Counter()
        counts = zip(self._categorical, np.count_nonzero(found, axis=0).tolist(), strict=True)
        return Counter({self.names[place]: count for place, count in counts if count})


def by_column(rows: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
    """Return the columns of rows of equal length."""
    return list(zip(*rows, strict=True))


def _one_by_one(own: Column, index: int, cells: Sequence[Any], wrong: dict[int, CellError]) -> list[float]:
    """Return the numbers of an input's cells, and note of rows that are not wrong yet what is wrong."""
    found: list[float] = []
    for row, cell in enumerate(cells):
        try:
            found += own.encode((cell,))
        except CellError as error:
            wrong.setdefault(row, CellError(index, str(error), error.kind))
            found.append(0.0)
    return found


def _narrowed(columns: Sequence[Sequence[float]]) -> Floats:
    """Return float32 [rows, inputs] of the inputs' numbers, infinite where float32 cannot hold one."""
    shape = len(columns), len(columns[0])
    form = f"{shape[0] * shape[1]}d"
    try:
        packed = struct.pack(form, *chain.from_iterable(columns))  # a third of np.array's time
    except struct.error:  # an integer beyond float64
        packed = struct.pack(form, *map(_bounded, chain.from_iterable(columns)))
    wide = np.frombuffer(packed, np.float64).reshape(shape)
    with np.errstate(over="ignore", under="ignore"):
        return np.ascontiguousarray(wide.T, np.float32)


def _bounded(value: float) -> float:
    """Return a number that float64 holds, infinite where the integer given is beyond it."""
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _beyond(value: float) -> str:
    """Return what is wrong with a number that float32 does not hold."""
    return NOT_FINITE if isinstance(value, float) and not math.isfinite(value) else "too large for float32"
