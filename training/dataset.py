"""Rows to learn from: load, check and split them. Knows nothing of what is learnt."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.manifest import LeftOut, Split, SplitName
from training.columns import Column


@dataclass(frozen=True)
class Dataset:
    """All rows that have a label, what their columns and classes (sorted) are called, and how they are split.

    `y` is the index of each row's class, int64 [rows]; `parts` the rows of each split, int64, ascending.
    `dropped` rows of the file had no label, `duplicates` have the inputs of an earlier row. `doubts` are
    sentences for whoever started the run, each with the flag that overrules it.
    """

    source: str
    sha256: str
    target: str
    columns: tuple[Column, ...]
    left_out: tuple[LeftOut, ...]
    doubts: tuple[str, ...]
    classes: tuple[str, ...]
    y: NDArray[np.int64]
    dropped: int
    duplicates: int
    split: Split
    parts: dict[SplitName, NDArray[np.int64]]
