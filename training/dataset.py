"""Rows to learn from: load, check and split them. Knows nothing of what is learnt."""

import csv
import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.manifest import SplitName
from training.errors import DataError
from training.strata import part

MIN_CLASS_ROWS = 10
"""Of each class: a stratified 60/20/20 split then gives every split two rows of it or, by rounding, one."""
BREAST_CANCER = Path(__file__).with_name("breast_cancer.csv")
"""Breast Cancer Wisconsin (Diagnostic), by W. Wolberg, O. Mangasarian, N. Street and W. Street (1993), UCI
Machine Learning Repository, https://doi.org/10.24432/C5DW2B, CC BY 4.0; rows and names as in scikit-learn."""
TOY_SEED = 0
TOY_ROWS = 100


@dataclass(frozen=True)
class Split:
    """Raw inputs, float32 [rows, inputs], and the index of each row's class, int64 [rows]."""

    x: NDArray[np.float32]
    y: NDArray[np.int64]


@dataclass(frozen=True)
class Dataset:
    """All rows, what their columns and classes (sorted) are called, and where they came from."""

    source: str
    sha256: str
    target: str
    inputs: tuple[str, ...]
    classes: tuple[str, ...]
    rows: Split


def load(data: str, target: str | None) -> Dataset:
    """Load a built-in set by its name, or the file at a path, whose column `target` holds the labels.

    Raises DataError when the file cannot be read, or its rows cannot be trained on: fewer than two classes,
    or fewer than MIN_CLASS_ROWS rows of one.
    """
    if data == "breast-cancer":
        return _breast_cancer()
    if data == "toy":
        return _toy()
    from training import table  # noqa: PLC0415 - Arrow is only needed for a file

    path = Path(data)
    target = target or ""
    inputs, x, labels = table.read(path, target)
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    classes, y = index_labels(data, target, labels)
    return Dataset(path.name, sha256, target, inputs, classes, Split(x, y))


def index_labels(
    source: str, target: str, labels: Sequence[str]
) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Sort the distinct labels into classes and give each row's index among them, int64 [rows].

    Raises DataError as `load` does.
    """
    counts = Counter(labels)
    classes = tuple(sorted(counts))
    if len(classes) == 1:
        raise DataError(f"{source}: {target!r} is {classes[0]!r} in every row; wanted two classes or more")
    rarest = min(classes, key=counts.__getitem__)
    if counts[rarest] < MIN_CLASS_ROWS:
        raise DataError(
            f"{source}: too few rows of {target!r} = {rarest!r}: {counts[rarest]}, "
            f"wanted at least {MIN_CLASS_ROWS} of each class"
        )
    index = {label: number for number, label in enumerate(classes)}
    return classes, np.fromiter((index[label] for label in labels), np.int64, len(labels))


def split(dataset: Dataset, seed: int) -> dict[SplitName, Split]:
    """Split into train (60 %), validation and test (20 % each), each with its share of every class."""
    x, y = dataset.rows.x, dataset.rows.y
    train, rest = part(y, 0.4, seed)
    validation, test = part(y[rest], 0.5, seed)
    chosen: dict[SplitName, NDArray[np.int64]] = {
        "train": train,
        "validation": rest[validation],
        "test": rest[test],
    }
    return {name: Split(x[rows], y[rows]) for name, rows in chosen.items()}


def _breast_cancer() -> Dataset:
    with BREAST_CANCER.open(newline="") as file:
        (*inputs, target), *rows = csv.reader(file)
    values = np.array([row[:-1] for row in rows], np.float64)
    return _built_in("breast-cancer", target, inputs, values, [row[-1] for row in rows])


def _toy() -> Dataset:
    """Make the lecture's exercise: two round clouds that a line can separate."""
    labels = np.arange(TOY_ROWS) % 2
    centres = np.array([[-2.0, -2.0], [2.0, 2.0]])
    x = np.random.default_rng(TOY_SEED).normal(centres[labels], 1.0)
    return _built_in("toy", "class", ["x1", "x2"], x, [str(label) for label in labels])


def _built_in(
    source: str, target: str, inputs: list[str], values: NDArray[np.float64], labels: list[str]
) -> Dataset:
    """Digest the canonical bytes: a header line, the rows as little-endian float32, a line for each label."""
    x = values.astype(np.float32)
    digest = hashlib.sha256("\t".join([*inputs, target, ""]).encode() + b"\n")
    digest.update(x.astype("<f4").tobytes())
    digest.update("\n".join(labels).encode())
    classes, y = index_labels(source, target, labels)
    return Dataset(source, digest.hexdigest(), target, tuple(inputs), classes, Split(x, y))
