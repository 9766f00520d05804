"""From which rows a version learnt, as its split tells. Knows nothing of what it learnt."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.record import Data, Split
from training import columns, hashes, splits
from training.dataset import Dataset

TEST = 2
"""The place of a row that was held out."""

Truths = NDArray[np.bool_]
Indices = NDArray[np.signedinteger]


@dataclass(frozen=True)
class Learnt:
    """Which rows were train or validation rows, bool [rows], and whether that is certain."""

    rows: Truths
    certain: bool


def by_version(given: Data, data: Dataset, rows: Indices) -> Learnt:
    """Tell which of the data's rows a version learnt from, or was chosen by.

    Where its split can't be told of these data none is said to be, and not to be certain. Raises ValueError
    where its cuts cannot be read.
    """
    split = given.split
    if split.kind == "time":
        times = _units(split, data)
        if times is None or "" not in split.cuts:
            return _unknown(rows)
        return Learnt(~_from(times[rows], split.cuts[""][1]), certain=True)
    keys = _keys(split, data, rows)
    if keys is None or not set(data.classes) <= split.cuts.keys():
        return _unknown(rows)
    cuts = [[int(cut, 16) for cut in split.cuts[label]] for label in data.classes]
    places = splits.told(keys, data.y[rows], np.array(cuts, np.uint64))
    # Which of equal rows one is depends on those before it in the file.
    certain = split.kind != "copies" or given.sha256 == data.sha256
    return Learnt(places < TEST, certain)


def _unknown(rows: Indices) -> Learnt:
    return Learnt(np.zeros(len(rows), np.bool_), certain=False)


def _keys(split: Split, data: Dataset, rows: Indices) -> hashes.Hashes | None:
    """Return what the split goes by, uint64 [rows], or None where the data do not have it."""
    if split.kind == "groups":
        groups = _units(split, data)
        if groups is None:
            return None
        distinct, unit = np.unique(groups[rows], return_inverse=True)
        return hashes.texts(list(map(str, distinct.tolist())), split.seed)[unit]
    named = {column.name: column for column in data.columns}
    if split.kind not in {"cells", "copies"} or not named.keys() >= set(split.columns):
        return None
    copies = split.kind == "copies"
    keys = np.zeros(len(data.y) if copies else len(rows), np.uint64)
    for name in split.columns:
        hashes.add(keys, named[name] if copies else columns.take(named[name], rows), split.seed)
        data.scratch.forget()
    return hashes.repeated(keys)[rows] if copies else keys


def _units(split: Split, data: Dataset) -> NDArray[Any] | None:
    """Return each row's group or time, [all rows], if the data are split by the same column."""
    if data.order is None or data.units is None or data.split.columns != split.columns:
        return None
    return data.order[data.units] if data.split.kind == split.kind else None


def _from(times: NDArray[Any], cut: str) -> Truths:
    """Tell which times are not before the cut: numbers by value, else as text."""
    if times.dtype.kind not in "if":
        return times >= cut
    try:
        return times >= int(cut)
    except ValueError:
        return times >= float(cut)
