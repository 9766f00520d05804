"""Who is in which split: by a keyed hash of a row's cells, by groups, or by time. Knows nothing of columns.

A unit is what stays together: rows with equal cells, a group, or an instant. Units are ordered, the first
60 % of the rows are train, the next 20 % validation, the last 20 % test, and a unit goes where its middle
row would. So the two hashes at which validation and test begin tell of any row where it was.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.record import SplitName
from training.blocks import BLOCK_ROWS, blocks

TRAIN, VALIDATION = 0.6, 0.8
"""The shares at which train and validation end."""
FEWEST = 3
"""Units that three splits take."""
NO_CUT = 2**64 - 1

Integers = NDArray[np.int64]
Indices = NDArray[np.signedinteger]
Order = Sequence[str] | Integers | NDArray[np.float64]
Hashes = NDArray[np.uint64]
Parts = dict[SplitName, Indices]
Cuts = dict[str, tuple[str, str]]


def distinct(keys: Hashes) -> int:
    """Return how many different hashes there are."""
    ordered = np.sort(keys)
    return int(np.count_nonzero(ordered[1:] != ordered[:-1])) + min(1, len(keys))


def by_hash(keys: Hashes, y: Indices, classes: Sequence[str], whole: bool) -> tuple[Parts, Cuts]:
    """Split units of equal hash, each class on its own; return the rows of each split and the cuts.

    A unit counts as its commonest class, the first of equals, whatever the order of the rows. With `whole`
    every split has units of every class. Raises ValueError for a class with fewer than FEWEST units then,
    and for a split that lacks a class: any split with `whole`, train without.
    """
    bounds, others, kinds = _cut(keys, y, classes, whole)
    return _parts(_placed(keys, y, bounds, others, kinds), y, classes, whole), {
        label: (f"{train:016x}", f"{validation:016x}")
        for label, (train, validation) in zip(classes, bounds.tolist(), strict=True)
    }


def told(keys: Hashes, y: Indices, bounds: Hashes) -> NDArray[np.int8]:
    """Return in which split an earlier run had rows, 0 to 2, by its cuts, [classes, 2].

    Rows of one hash and several classes count as the commonest of these rows.
    """
    bits = _bits(len(bounds))
    mixed = [
        (found.hashes[~found.pure], found.kinds[~found.pure])
        for found in _units(_packed(keys, y, len(bounds)), bits)
    ]
    return _placed(keys, y, bounds, *(np.concatenate(each) for each in zip(*mixed, strict=True)))


def _placed(keys: Hashes, y: Indices, bounds: Hashes, others: Hashes, kinds: Integers) -> NDArray[np.int8]:
    """Return each row's split; `others` are units of rows of several classes, `kinds` what they count as."""
    bits, place = np.uint64(_bits(len(bounds))), np.empty(len(keys), np.int8)
    for block in blocks(len(keys)):
        own, kind = keys[block], y[block].astype(np.int64)
        if len(others):
            near = np.minimum(np.searchsorted(others, own >> bits), len(others) - 1)
            kind = np.where(others[near] == own >> bits, kinds[near], kind)
        place[block] = (own[:, None] >= bounds[kind]).sum(1)
    return place


def _cut(keys: Hashes, y: Indices, classes: Sequence[str], whole: bool) -> tuple[Hashes, Hashes, Integers]:
    """Return the cuts, [classes, 2], and the units of rows of several classes, with their commonest."""
    packed, bits = _packed(keys, y, len(classes)), _bits(len(classes))
    rows, units = np.zeros(len(classes), np.int64), np.zeros(len(classes), np.int64)
    mixed = []
    for found in _units(packed, bits):
        rows += np.bincount(found.kinds, found.sizes, len(classes)).astype(np.int64)
        units += np.bincount(found.kinds, minlength=len(classes))
        mixed.append((found.hashes[~found.pure], found.kinds[~found.pure]))
    for index, label in enumerate(classes):
        if whole and units[index] < FEWEST:
            raise ValueError(
                f"the {int((y == index).sum())} rows of class {label!r} have {units[index]} different inputs "
                f"that are mostly its own, wanted {FEWEST} or more: equal rows stay on one side of a split"
            )
    others, kinds = (np.concatenate(each) for each in zip(*mixed, strict=True))
    return _bounds(packed, bits, _ends(packed, bits, rows, units)), others, kinds


@dataclass(frozen=True)
class _Units:
    """Some of the units, ascending: their hashes without the last bits, rows, and commonest classes."""

    hashes: Hashes
    sizes: Integers
    kinds: Integers
    pure: NDArray[np.bool_]


def _bits(classes: int) -> int:
    return max(1, (classes - 1).bit_length())


def _packed(keys: Hashes, y: Indices, classes: int) -> Hashes:
    """Return hashes, sorted, whose last bits, which tell no units apart, are the row's class."""
    bits = np.uint64(_bits(classes))
    packed = keys >> bits
    packed <<= bits
    for block in blocks(len(packed)):
        packed[block] |= y[block].astype(np.uint64)
    packed.sort()
    return packed


def _units(packed: Hashes, bits: int) -> Iterator[_Units]:
    """Yield the units by ascending hash, the whole of each."""
    shift, mask = np.uint64(bits), np.uint64((1 << bits) - 1)
    start = 0
    while start < len(packed):
        last = packed[min(start + BLOCK_ROWS, len(packed)) - 1]
        stop = int(np.searchsorted(packed, last | mask, side="right"))
        pairs, rows = np.unique(packed[start:stop], return_counts=True)
        order = np.lexsort((pairs & mask, -rows, pairs >> shift))
        units, first = np.unique((pairs >> shift)[order], return_index=True)
        kinds = (pairs & mask)[order][first].astype(np.int64)
        pure = np.diff(np.append(first, len(pairs))) == 1
        yield _Units(units, np.add.reduceat(rows[order], first), kinds, pure)
        start = stop


def _ends(packed: Hashes, bits: int, rows: Integers, units: Integers) -> Integers:
    """Return at which of a class's units, in order, validation and test begin, [classes, 2]."""
    ends, before = np.zeros((len(rows), 2), np.int64), np.zeros(len(rows))
    for found in _units(packed, bits):
        for index in range(len(rows)):
            sizes = found.sizes[found.kinds == index]
            ends[index] += _begun(sizes, before[index], rows[index])
            before[index] += sizes.sum()
    pairs = zip(ends.tolist(), units.tolist(), strict=True)
    return np.array([_kept_apart(train, validation, count) for (train, validation), count in pairs])


def _bounds(packed: Hashes, bits: int, ends: Integers) -> Hashes:
    """Return the hashes of those units, [classes, 2], NO_CUT where there is none any more."""
    bounds, seen = np.full(ends.shape, NO_CUT, np.uint64), np.zeros(len(ends), np.int64)
    for found in _units(packed, bits):
        for index in range(len(ends)):
            own = found.hashes[found.kinds == index]
            for split, end in enumerate(ends[index] - seen[index]):
                if 0 <= end < len(own):
                    bounds[index, split] = own[end] << np.uint64(bits)
            seen[index] += len(own)
    return bounds


def by_time(times: Order, y: Indices, classes: Sequence[str]) -> tuple[Parts, Cuts]:
    """Split by the order of `times`, equal ones together; the cuts are the first of validation and of test.

    Raises ValueError for fewer than FEWEST different times, and for a class that train lacks.
    """
    instants, unit, sizes = np.unique(np.asarray(times), return_inverse=True, return_counts=True)
    if len(instants) < FEWEST:
        raise ValueError(f"{len(instants)} different times, wanted {FEWEST} or more")
    ends = _kept_apart(*_begun(sizes, 0, len(unit)), len(sizes))
    parts = _parts(np.searchsorted(ends, unit, side="right"), y, classes, whole=False)
    return parts, {"": (str(instants[ends[0]]), str(instants[ends[1]]))}


def _begun(sizes: Integers, before: float, rows: int) -> tuple[int, int]:
    """Return how many of the units have their middle row in train, and in train or validation."""
    middle = (before + np.cumsum(sizes) - sizes / 2) / max(int(rows), 1)
    return int((middle < TRAIN).sum()), int((middle < VALIDATION).sum())


def _kept_apart(train: int, validation: int, units: int) -> tuple[int, int]:
    """Return the ends so that with enough units no split is empty."""
    if units >= FEWEST:
        train = min(max(train, 1), units - 2)
        validation = min(max(validation, train + 1), units - 1)
    return train, validation


def _parts(place: NDArray[np.signedinteger], y: Indices, classes: Sequence[str], whole: bool) -> Parts:
    """Return the rows of each split. Raises ValueError for one that lacks what `by_hash` wants of it."""
    names: tuple[SplitName, ...] = ("train", "validation", "test")
    counts = np.zeros((len(names), len(classes)), np.int64)
    for block in blocks(len(place)):
        cells = place[block].astype(np.int64) * len(classes) + y[block]
        counts += np.bincount(cells, minlength=counts.size).reshape(counts.shape)
    for name, rows in zip(names, counts, strict=True):
        if not rows.any():
            raise ValueError(f"no row is left for {name}; wanted more groups")
        if not rows.all() and (whole or name == "train"):
            raise ValueError(f"{name} has no row of class {classes[int(rows.argmin())]!r}")
    kind = np.int32 if len(place) <= np.iinfo(np.int32).max else np.int64
    return {name: np.flatnonzero(place == split).astype(kind) for split, name in enumerate(names)}
