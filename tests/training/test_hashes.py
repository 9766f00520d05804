"""Hashes by which it is told later who was trained on."""

import hashlib

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from training import hashes
from training.columns import Categories, Column, Numbers, Truths

MASK = 2**64 - 1


def by_hand(cells: dict[str, object], seed: int) -> int:
    """The definition of models/README.md, written out once more with Python's integers."""
    total = 0
    for name, cell in cells.items():
        key = hashlib.blake2b(name.encode(), digest_size=8, key=seed.to_bytes(8, "little")).digest()
        if isinstance(cell, str):
            word = int.from_bytes(hashlib.blake2b(cell.encode(), digest_size=8).digest(), "big")
        elif cell is None:
            word = 0x7FC00000
        else:
            word = int(np.float32(cell).view(np.uint32))  # type: ignore[arg-type]
        mixed = word ^ int.from_bytes(key, "big")
        mixed = ((mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9) & MASK
        mixed = ((mixed ^ mixed >> 27) * 0x94D049BB133111EB) & MASK
        total += mixed ^ mixed >> 31
    return total & MASK


def test_the_hash_of_a_row_is_what_the_format_says() -> None:
    """Frozen, for a number, a truth, a text and a gap: it can be told later where a row was."""
    columns: list[Column] = [
        Numbers("age", np.array([26.5, np.nan, -0.0], np.float32)),
        Truths("paid", np.array([1, 0, -1], np.int8), {"yes": True, "no": False}),
        Categories("town", ("Lyon", "Nice"), np.array([0, 1, -1], np.int32)),
    ]
    rows = [
        {"age": 26.5, "paid": 1, "town": "Lyon"},
        {"age": None, "paid": 0, "town": "Nice"},
        {"age": 0.0, "paid": None, "town": None},
    ]
    found = np.zeros(3, np.uint64)
    for column in reversed(columns):
        hashes.add(found, column, 7)
    assert found.tolist() == [by_hand(row, 7) for row in rows]
    assert f"{found[0]:016x}" == "2c56f68d606599db"


def test_a_text_is_hashed_with_the_seed() -> None:
    """By BLAKE2b, frozen."""
    digest = hashlib.blake2b(b"Lyon", digest_size=8, key=(7).to_bytes(8, "little")).hexdigest()
    assert f"{hashes.texts(['Lyon'], 7)[0]:016x}" == digest


@given(st.lists(st.integers(0, 5), max_size=40))
def test_copies_are_told_apart_by_their_count(values: list[int]) -> None:
    """As the format says, in the order in which they come."""
    given_hashes = hashes.mix(np.array(values, np.uint64))
    counts = [values[:place].count(value) for place, value in enumerate(values)]
    expected = hashes.mix(given_hashes ^ np.array(counts, np.uint64))
    np.testing.assert_array_equal(hashes.repeated(given_hashes), expected)
    assert len(set(expected.tolist())) == len({*zip(values, counts, strict=True)})


def test_rows_are_spread_evenly() -> None:
    """Numbers that follow each other, in two columns that are alike, fill every sixteenth of the range."""
    found = np.zeros(16_000, np.uint64)
    for name in ("a", "b"):
        hashes.add(found, Numbers(name, np.arange(16_000, dtype=np.float32)), 0)
    counts = np.bincount((found >> np.uint64(60)).astype(np.int64), minlength=16)
    assert (np.abs(counts - 1000) < 150).all()
