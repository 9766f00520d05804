"""Labels of rows to classes. Knows nothing of the other columns."""

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from training.blocks import blocks
from training.options import NOTHING

MIN_CLASS_ROWS = 10
"""Of each class: a stratified 60/20/20 split then gives every split two rows of it."""
MANY = 50
"""From so many different numbers on, a target looks like a quantity."""
EMPTY_WORDS = frozenset(map(str.casefold, NOTHING))

Indices = NDArray[np.signedinteger]


def classes(
    place: str, words: Sequence[str], codes: Indices, fold_case: bool
) -> tuple[tuple[str, ...], Indices, list[str]]:
    """Sort the distinct labels into classes; return them, each row's index among them, and doubts.

    `codes`, [rows], are the places of the rows' labels in `words`, where equal ones may stand. Labels that
    differ by case alone are one class under its commonest spelling with `fold_case`, and are refused
    without. Raises ValueError for those, for fewer than two classes, and for fewer than MIN_CLASS_ROWS rows
    of one; `place` names the target.
    """
    counts: Counter[str] = Counter()
    for word, rows in zip(words, _counted(codes, len(words)), strict=True):
        if rows:
            counts[word] += rows
    spelled = {label: label for label in counts}
    folded: dict[str, list[str]] = {}
    for label in sorted(counts):
        folded.setdefault(label.casefold(), []).append(label)
    for alike in folded.values():
        if len(alike) > 1 and not fold_case:
            named = ", ".join(map(repr, alike))
            raise ValueError(f"labels of {place} differ by case alone: {named}; --fold-case joins them")
        commonest = max(alike, key=lambda label: counts[label])
        spelled |= dict.fromkeys(alike, commonest)
    written, counts = counts, Counter()
    for label, rows in written.items():
        counts[spelled[label]] += rows
    found = tuple(sorted(counts))
    if not found:
        raise ValueError(f"no row has a label in {place}")
    if len(found) == 1:
        raise ValueError(
            f"{place} is {found[0]!r} in every row; wanted two classes or more, "
            f"of at least {MIN_CLASS_ROWS} rows each"
        )
    rarest = min(found, key=counts.__getitem__)
    if counts[rarest] < MIN_CLASS_ROWS:
        quantity = len(found) >= MANY and all(re.fullmatch(r"[+-]?[0-9.,eE+-]+", label) for label in found)
        hint = f"; it holds {len(found)} different numbers: a quantity is no class" if quantity else ""
        raise ValueError(
            f"too few rows of {place} = {rarest!r}: {counts[rarest]}, "
            f"wanted at least {MIN_CLASS_ROWS} of each class to split them in three{hint}"
        )
    index = {label: number for number, label in enumerate(found)}
    y = _taken([index[spelled[word]] if word in spelled else 0 for word in words], codes)
    doubts = [
        f"{place} has the class {label!r}: {counts[label]} rows; if it means no label, empty those cells"
        for label in found
        if label.casefold() in EMPTY_WORDS
    ]
    return found, y, doubts


def _taken(values: list[int], codes: Indices) -> Indices:
    """Return the value of each row's code."""
    own = np.array(values, narrowest(max(values) + 1))
    found = np.empty_like(codes, own.dtype)
    for block in blocks(len(codes)):
        found[block] = own[codes[block]]
    return found


def _counted(codes: Indices, count: int) -> list[int]:
    """Return how many rows have each code; numpy would make wide integers of all rows at once."""
    counts = np.zeros(count, np.int64)
    for block in blocks(len(codes)):
        counts += np.bincount(codes[block], minlength=count)
    found: list[int] = counts.tolist()
    return found


def narrowest(count: int) -> type[np.signedinteger]:
    """Return which integers hold so many indices: there is one a row."""
    return next(kind for kind in (np.int8, np.int16, np.int32) if count <= np.iinfo(kind).max)
