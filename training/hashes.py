"""A keyed hash of a row's cells, by which it is told later where a row was. Knows nothing of splits.

It is of the cells as the service gets them: a number by its float32, so that 1 and 1.0 are one row.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from training.blocks import blocks
from training.columns import Categories, Column, Numbers

MISSING_WORD = 0x7FC00000
"""float32's quiet NaN."""
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)

Hashes = NDArray[np.uint64]


def texts(given: Sequence[str], seed: int) -> Hashes:
    """Return the 64-bit BLAKE2b of each text in UTF-8, keyed by the seed in 8 bytes, little-endian."""
    key, blake2b = seed.to_bytes(8, "little"), hashlib.blake2b
    digests = b"".join([blake2b(text.encode(), digest_size=8, key=key).digest() for text in given])
    return np.frombuffer(digests, ">u8").astype(np.uint64)


def add(hashes: Hashes, column: Column, seed: int) -> None:
    """Add a column to the hashes of rows, uint64 [rows], in place: modulo 2^64, in any order of columns.

    It adds to each row the mix of its cell's word xor the column's key. The key is `texts` of the column's
    name. The word of a number is its float32's bits, of a truth that of 1 or 0, -0 being 0; of a category
    the BLAKE2b of its text in 8 bytes, without a key; of what is missing MISSING_WORD.
    """
    key = texts([column.name], seed)[0]
    if isinstance(column, Numbers):
        for block in blocks(len(hashes)):
            hashes[block] += mix(_of_numbers(column.values[block]) ^ key)
        return
    if isinstance(column, Categories):
        digests = [hashlib.blake2b(str(cell).encode(), digest_size=8).digest() for cell in column.distinct]
        words = np.frombuffer(b"".join(digests), ">u8").astype(np.uint64)
    else:
        words = _of_numbers(np.array([0, 1]))
    mixed = mix(np.append(words, np.uint64(MISSING_WORD)) ^ key)
    for block in blocks(len(hashes)):
        hashes[block] += mixed[column.codes[block]]  # MISSING is -1, the last


def repeated(hashes: Hashes) -> Hashes:
    """Return each hash mixed with how many equal ones came before it, so that hardly two are equal."""
    order = np.argsort(hashes, kind="stable")
    ordered = hashes[order]
    first = np.append(True, ordered[1:] != ordered[:-1])
    places = np.arange(len(hashes))
    before = np.empty(len(hashes), np.uint64)
    before[order] = places - np.maximum.accumulate(np.where(first, places, 0))
    return mix(hashes ^ before)


def mix(words: Hashes) -> Hashes:
    """Return words each of whose bits depends on all: the end of splitmix64 (Steele et al., 2014)."""
    words = (words ^ (words >> np.uint64(30))) * _FIRST
    words = (words ^ (words >> np.uint64(27))) * _SECOND
    return words ^ (words >> np.uint64(31))


def _of_numbers(values: NDArray[np.float32] | NDArray[np.float64] | NDArray[np.int64]) -> Hashes:
    found = values.astype(np.float32) + np.float32(0)
    words = found.view(np.uint32).astype(np.uint64)
    words[np.isnan(found)] = MISSING_WORD
    return words
