"""Who is in which split: by a keyed hash of a row's texts, by groups, or by time. Knows nothing of columns.

A unit is what stays together: rows with equal texts, a group, or an instant. Units are ordered, the first
60 % of the rows are train, the next 20 % validation, the last 20 % test, and a unit goes where its middle
row would. So the two hashes at which validation and test begin tell of any row where it was.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.record import SplitName

TRAIN, VALIDATION = 0.6, 0.8
"""The shares at which train and validation end."""
SEPARATOR = "\x1f"
FEWEST = 3
"""Units that three splits take."""

Integers = NDArray[np.int64]
Order = Sequence[str] | Integers | NDArray[np.float64]
Hashes = NDArray[np.uint64]
Parts = dict[SplitName, Integers]
Cuts = dict[str, tuple[str, str]]


def hashes(texts: Sequence[str], seed: int) -> Hashes:
    """Return the 64-bit BLAKE2b of each text in UTF-8, keyed by the seed in 8 bytes, little-endian."""
    key, blake2b = seed.to_bytes(8, "little"), hashlib.blake2b
    digests = b"".join([blake2b(text.encode(), digest_size=8, key=key).digest() for text in texts])
    return np.frombuffer(digests, ">u8").astype(np.uint64)


def repeated(texts: Sequence[str]) -> list[str]:
    """Return each text with how many equal ones came before it, so that no two are equal."""
    seen: dict[str, int] = {}
    found = []
    for text in texts:
        before = seen.get(text, 0)
        seen[text] = before + 1
        found.append(f"{text}{SEPARATOR}{before}")
    return found


def by_hash(keys: Hashes, y: Integers, classes: Sequence[str], whole: bool) -> tuple[Parts, Cuts]:
    """Split units of equal hash, each class on its own; return the rows of each split and the cuts.

    A unit counts as its commonest class, the first of equals, whatever the order of the rows. With `whole`
    every split has units of every class. Raises ValueError for a class with fewer than FEWEST units then,
    and for a split that lacks a class: any split with `whole`, train without.
    """
    units, unit, sizes = np.unique(keys, return_inverse=True, return_counts=True)
    kinds = _commonest(unit, y, len(classes))
    place = np.empty(len(units), np.int64)
    cuts = {}
    for index, label in enumerate(classes):
        members = np.flatnonzero(kinds == index)  # ascending by hash, as units are
        if whole and len(members) < FEWEST:
            raise ValueError(
                f"the {int((y == index).sum())} rows of class {label!r} have {len(members)} different inputs "
                f"that are mostly its own, wanted {FEWEST} or more: equal rows stay on one side of a split"
            )
        ends = _ends(sizes[members])
        place[members] = np.searchsorted(ends, np.arange(len(members)), side="right")
        bounds = [int(units[members[end]]) if end < len(members) else 2**64 - 1 for end in ends]
        cuts[label] = (f"{bounds[0]:016x}", f"{bounds[1]:016x}")
    parts = _parts(place[unit])
    _check(parts, y, classes, whole)
    return parts, cuts


def by_time(times: Order, y: Integers, classes: Sequence[str]) -> tuple[Parts, Cuts]:
    """Split by the order of `times`, equal ones together; the cuts are the first of validation and of test.

    Raises ValueError for fewer than FEWEST different times, and for a class that train lacks.
    """
    instants, unit, sizes = np.unique(np.asarray(times), return_inverse=True, return_counts=True)
    if len(instants) < FEWEST:
        raise ValueError(f"{len(instants)} different times, wanted {FEWEST} or more")
    ends = _ends(sizes)
    parts = _parts(np.searchsorted(ends, unit, side="right"))
    _check(parts, y, classes, whole=False)
    return parts, {"": (str(instants[ends[0]]), str(instants[ends[1]]))}


def _commonest(unit: Integers, y: Integers, count: int) -> Integers:
    """Return the commonest class of each unit, the first of equals."""
    pairs, rows = np.unique(unit * count + y, return_counts=True)
    order = np.lexsort((pairs % count, -rows, pairs // count))
    _, first = np.unique(pairs[order] // count, return_index=True)
    kinds: Integers = pairs[order][first] % count
    return kinds


def _ends(sizes: Integers) -> tuple[int, int]:
    """Return at which of the units, in order, validation and test begin; with enough, no part is empty."""
    middle = (np.cumsum(sizes) - sizes / 2) / max(int(sizes.sum()), 1)
    train, validation = int((middle < TRAIN).sum()), int((middle < VALIDATION).sum())
    if len(sizes) >= FEWEST:
        train = min(max(train, 1), len(sizes) - 2)
        validation = min(max(validation, train + 1), len(sizes) - 1)
    return train, validation


def _parts(place: Integers) -> Parts:
    return {
        "train": np.flatnonzero(place == 0),
        "validation": np.flatnonzero(place == 1),
        "test": np.flatnonzero(place == 2),  # noqa: PLR2004 - the third
    }


def _check(parts: Parts, y: Integers, classes: Sequence[str], whole: bool) -> None:
    for name, rows in parts.items():
        if not len(rows):
            raise ValueError(f"no row is left for {name}; wanted more groups")
        lacking = np.flatnonzero(np.bincount(y[rows], minlength=len(classes)) == 0)
        if len(lacking) and (whole or name == "train"):
            raise ValueError(f"{name} has no row of class {classes[lacking[0]]!r}")
