"""The data sets that need no file, as texts. Knows nothing of kinds, splits or Arrow."""

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.defaults import DEFAULT_MODEL

BREAST_CANCER = Path(__file__).with_name("breast_cancer.csv")
"""Breast Cancer Wisconsin (Diagnostic), by W. Wolberg, O. Mangasarian, N. Street and W. Street (1993), UCI
Machine Learning Repository, https://doi.org/10.24432/C5DW2B, CC BY 4.0; rows and names as in scikit-learn."""
TOY_SEED = 0
TOY_ROWS = 100


@dataclass(frozen=True)
class BuiltIn:
    """Rows of numbers, written as text, and their labels."""

    source: str
    target: str
    names: list[str]
    rows: list[list[str]]
    labels: list[str]

    @property
    def sha256(self) -> str:
        """The digest of the canonical bytes.

        They are a header line, the rows as little-endian float32, and a line for each label.
        """
        digest = hashlib.sha256("\t".join([*self.names, self.target, ""]).encode() + b"\n")
        digest.update(np.array(self.rows, np.float64).astype("<f4").tobytes())
        digest.update("\n".join(self.labels).encode())
        return digest.hexdigest()


def load(name: str) -> BuiltIn:
    """Return the breast-cancer set, or the lecture's toy."""
    return _breast_cancer() if name == DEFAULT_MODEL else _toy()


def _breast_cancer() -> BuiltIn:
    with BREAST_CANCER.open(newline="") as file:
        (*names, target), *rows = csv.reader(file)
    return BuiltIn(DEFAULT_MODEL, target, names, [row[:-1] for row in rows], [row[-1] for row in rows])


def _toy() -> BuiltIn:
    """Make the lecture's exercise: two round clouds that a line can separate."""
    labels = np.arange(TOY_ROWS) % 2
    centres = np.array([[-2.0, -2.0], [2.0, 2.0]])
    points = np.random.default_rng(TOY_SEED).normal(centres[labels], 1.0).astype(np.float32)
    rows = [[repr(value) for value in row] for row in points.tolist()]
    return BuiltIn("toy", "class", ["x1", "x2"], rows, [str(label) for label in labels])
