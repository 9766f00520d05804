"""The encoded rows of a split, and how a fit takes them. Knows nothing of where they came from."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from training.batches import BLOCK_ROWS
from training.design import Design, Raw

Integers = NDArray[np.int64]


BLOCKS = 4
"""After so many blocks what was read for them is forgotten."""


def _nothing() -> None:
    """Forget nothing, as all is in memory."""


@dataclass(frozen=True)
class Rows:
    """Columns float32 [rows], an input each, and class indices [rows], of whichever integers hold them.

    Where columns are mapped from a file, `forget` takes out of memory what was read of it.
    """

    columns: tuple[NDArray[np.float32], ...]
    y: NDArray[np.signedinteger]
    forget: Callable[[], None] = _nothing

    def __len__(self) -> int:
        return len(self.y)

    def cells(self, rows: slice = slice(None)) -> list[Raw]:
        """Return rows as a design takes them, columns float32 [rows], views."""
        return [column[rows] for column in self.columns]

    def raw(self, rows: slice = slice(None)) -> Raw:
        """Return rows as the module takes them, float32 [rows, inputs], a column's cells together."""
        return np.stack(self.cells(rows)).T

    def classes(self, rows: slice = slice(None)) -> Integers:
        """Return the class indices of rows, int64."""
        return self.y[rows].astype(np.int64)

    def part(self, rows: slice) -> "Rows":
        """Return some rows, where they are."""
        return Rows(tuple(column[rows] for column in self.columns), self.y[rows], self.forget)

    def drawn(self, most: int, seed: int) -> "Rows":
        """Return all rows, or `most` of them by lot, in their order."""
        if len(self) <= most:
            return self
        return self.take(np.sort(np.random.default_rng(seed).choice(len(self), most, replace=False)))

    def take(self, rows: Integers) -> "Rows":
        """Return some rows, in memory."""
        columns = []
        for column in self.columns:
            columns.append(column[rows])
            self.forget()
        return Rows(tuple(columns), self.y[rows])

    def blocks(self) -> Iterator[slice]:
        """Yield what to give to `raw` and `classes` to have all rows, some at a time."""
        for start in range(0, len(self), BLOCKS * BLOCK_ROWS):
            yield slice(start, start + BLOCKS * BLOCK_ROWS)
            self.forget()


class Blocks:
    """Rows as `batches.Batches`: a block's columns are made when they are asked for."""

    def __init__(self, rows: Rows, design: Design, device: torch.device) -> None:
        self._rows, self._design = rows, design
        self.rows, self.width, self.device = len(rows), len(design.columns) + 1, device
        self._gone = 0

    def block(self, start: int, stop: int, step: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
        """Return columns, float64 [rows, width], and classes, int64 [rows], of every `step`-th row."""
        self._gone += stop - start
        if self._gone >= BLOCKS * BLOCK_ROWS:
            self._gone = 0
            self._rows.forget()
        own = slice(start, stop, step)
        x = self._design.matrix(self._rows.cells(own), ones=True)
        return torch.from_numpy(x).to(self.device), torch.from_numpy(self._rows.classes(own)).to(self.device)
