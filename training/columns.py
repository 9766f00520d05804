"""The columns of a table once their kinds are known. Knows nothing of files or of what is learnt."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from models.inputs import Cell

MISSING = -1
"""The code of a missing cell."""


class _Cells:
    """What all kinds of columns tell."""

    @cached_property
    def missing(self) -> float:
        """The share of cells that are missing."""
        return float(self.empty().mean())

    @property
    def gaps(self) -> bool:
        """Whether any cell is missing."""
        return self.missing > 0

    def empty(self) -> NDArray[np.bool_]:
        """Tell which cells are missing, [rows]."""
        raise NotImplementedError


@dataclass(frozen=True)
class Numbers(_Cells):
    """A numeric column: float32 [rows], as the service gets it, NaN where a cell is missing."""

    name: str
    values: NDArray[np.float32]

    def empty(self) -> NDArray[np.bool_]:
        """Tell which cells are missing, [rows]."""
        return np.isnan(self.values)

    def cell(self, row: int) -> Cell:
        """Return the cell of a row as a client sends it: the shortest decimal that is this float32."""
        value = float(str(np.float32(self.values[row])))
        return None if value != value else value  # noqa: PLR0124 - NaN


@dataclass(frozen=True)
class Truths(_Cells):
    """A boolean column: int8 [rows], 0, 1 or MISSING, and the texts that stood for either."""

    name: str
    codes: NDArray[np.int8]
    texts: Mapping[str, bool]

    def empty(self) -> NDArray[np.bool_]:
        """Tell which cells are missing, [rows]."""
        found: NDArray[np.bool_] = self.codes == MISSING
        return found

    def cell(self, row: int) -> Cell:
        """Return the cell of a row as a client sends it."""
        code = int(self.codes[row])
        return None if code == MISSING else bool(code)


@dataclass(frozen=True)
class Categories(_Cells):
    """A categorical column: its distinct cells, sorted, and int32 [rows], their index or MISSING."""

    name: str
    distinct: tuple[str, ...] | tuple[int, ...]
    codes: NDArray[np.int32]

    def empty(self) -> NDArray[np.bool_]:
        """Tell which cells are missing, [rows]."""
        found: NDArray[np.bool_] = self.codes == MISSING
        return found

    def cell(self, row: int) -> Cell:
        """Return the cell of a row as a client sends it."""
        code = int(self.codes[row])
        return None if code == MISSING else self.distinct[code]


Column = Numbers | Truths | Categories
KINDS: dict[type, Literal["numeric", "boolean", "categorical"]] = {
    Numbers: "numeric",
    Truths: "boolean",
    Categories: "categorical",
}


def take(column: Column, rows: NDArray[np.signedinteger]) -> Column:
    """Return some rows of a column, in memory."""
    if isinstance(column, Numbers):
        return replace(column, values=column.values[rows])
    if isinstance(column, Truths):
        return replace(column, codes=column.codes[rows])
    return replace(column, codes=column.codes[rows])
