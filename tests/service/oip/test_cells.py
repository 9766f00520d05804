"""Tensors of texts, truths and whole numbers as cells, beside Triton's own writer of them."""

import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tritonclient.utils import serialize_byte_tensor

from service.errors import MalformedError
from service.oip import cells
from service.oip.tensors import INTEGERS, MisfitError

TEXTS = st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=6)


@given(TEXTS)
def test_texts_are_read_as_triton_writes_them(texts: list[str]) -> None:
    """As bytes and as JSON, flat and nested."""
    raw = memoryview(serialize_byte_tensor(np.array(texts, object)).item() or b"")
    shape = [len(texts)]
    assert cells.from_bytes(raw, shape, "BYTES") == texts
    assert cells.from_bytes(raw, [len(texts), 1], "BYTES") == texts
    assert cells.from_json(texts, shape, "BYTES") == texts
    assert cells.from_json([[text] for text in texts], [len(texts), 1], "BYTES") == texts


@given(st.binary(max_size=40), st.integers(0, 9))
def test_any_bytes_are_texts_or_refused(raw: bytes, count: int) -> None:
    """Never read past their end."""
    try:
        found = cells.from_bytes(memoryview(raw), [count], "BYTES")
    except (MalformedError, MisfitError):
        return
    assert b"".join(struct.pack("<I", len(each.encode())) + each.encode() for each in found) == raw


def test_truths_are_a_byte_each() -> None:
    """0 or 1; in JSON true or false, or null."""
    raw = memoryview(np.array([True, False, True]).tobytes())
    assert cells.from_bytes(raw, [3], "BOOL") == [True, False, True]
    assert cells.from_json([True, None, False], [3], "BOOL") == [True, None, False]
    with pytest.raises(MisfitError, match="not true or false") as raised:
        cells.from_bytes(memoryview(b"\0\2\1"), [3], "BOOL")
    assert list(raised.value.places) == [1]


@pytest.mark.parametrize("datatype", INTEGERS)
def test_whole_numbers_keep_all_digits(datatype: str) -> None:
    """Up to the ends of their datatype."""
    limits = np.iinfo(INTEGERS[datatype])
    values = [limits.min, 0, limits.max]
    raw = memoryview(np.array(values, INTEGERS[datatype]).tobytes())
    assert cells.from_bytes(raw, [3], datatype) == values
    assert cells.from_json([None, *values], [4], datatype) == [None, *values]


@pytest.mark.parametrize(
    ("data", "datatype", "place", "why"),
    [
        (["a", 1], "BYTES", 1, "not a text"),
        ([True, 1], "BOOL", 1, "not true or false"),
        ([None, 1, "1"], "INT64", 2, "not a whole number"),
        ([None, 1, 1.5], "INT64", 2, "not a whole number"),
        ([None, 300], "INT8", 1, "out of the range of INT8"),
    ],
)
def test_what_is_of_another_kind_is_named(data: list[Any], datatype: str, place: int, why: str) -> None:
    """By its place."""
    with pytest.raises(MisfitError, match=why) as raised:
        cells.from_json(data, [len(data)], datatype)
    assert list(raised.value.places) == [place]


@pytest.mark.parametrize(("raw", "datatype"), [(b"\0\0\0\0", "BYTES"), (b"\0", "BOOL"), (b"\0" * 9, "INT64")])
def test_more_or_fewer_than_the_shape_says_are_malformed(raw: bytes, datatype: str) -> None:
    """As for numbers."""
    with pytest.raises(MalformedError, match="does not match the shape"):
        cells.from_bytes(memoryview(raw), [2], datatype)
    with pytest.raises(MalformedError, match="does not match the shape"):
        cells.from_json([None], [2], datatype)
