"""Rows of numbers a block at a time, as the solvers take them. Knows nothing of solvers, inputs or files."""

from typing import Protocol

import torch
from torch import Tensor

BLOCK_ROWS = 8192
"""Rows of a block: of 30 columns two megabytes, which hardly leave a core's cache while they are worked on.

With fewer, threads wait for each other at Python's lock: 4,096 take 1.5 times as long without the Hessian."""


class Batches(Protocol):
    """Standardised columns, the intercept's ones behind them, and class indices, of so many rows."""

    rows: int
    width: int
    """Columns, the ones counted."""
    device: torch.device

    def block(self, start: int, stop: int, step: int = 1) -> tuple[Tensor, Tensor]:
        """Return columns, float64 [rows, width], and classes, int64 [rows], of every `step`-th row."""
        ...


class Arrays:
    """Rows that are in memory as they are taken."""

    def __init__(self, x: Tensor, y: Tensor) -> None:
        """Take columns [rows, columns] without the ones, and class indices, int64 [rows], on one device."""
        columns = torch.cat([x.T.double(), x.new_ones((1, len(x)), dtype=torch.float64)])
        self._x = columns.T  # with a column's cells together products are quicker
        self._y = y
        self.rows, self.width = self._x.shape
        self.device = x.device

    def block(self, start: int, stop: int, step: int = 1) -> tuple[Tensor, Tensor]:
        """Return views of it."""
        return self._x[start:stop:step], self._y[start:stop:step]


def every(step: int, batches: Batches) -> Arrays:
    """Take every so many rows into memory."""
    x, y = whole(batches, step)
    return Arrays(x, y)


def whole(batches: Batches, step: int = 1) -> tuple[Tensor, Tensor]:
    """Return columns, without the ones, and classes of all rows, or of every `step`-th."""
    length = BLOCK_ROWS * step
    blocks = [batches.block(start, start + length, step) for start in range(0, batches.rows, length)]
    return torch.cat([x[:, :-1] for x, _ in blocks]), torch.cat([y for _, y in blocks])
