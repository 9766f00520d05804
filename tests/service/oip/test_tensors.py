"""Tensors from JSON and bytes, beside NumPy's own conversions."""

import contextlib
import json
import math
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from tritonclient.utils import deserialize_bytes_tensor

from service.errors import MalformedError
from service.oip import tensors

# Everything that is inside float32 and the datatype's own range.
SHARED = st.floats(-60_000, 60_000, width=32, allow_subnormal=False)


@pytest.mark.parametrize("datatype", tensors.NUMBERS)
def test_every_number_type_becomes_float32(datatype: str) -> None:
    """The extremes of each datatype that float32 holds come out rounded to nearest, both ways in."""
    dtype = tensors.NUMBERS[datatype]
    if datatype in tensors.INTEGERS:
        limits = np.iinfo(dtype)
        values = np.array([limits.min, 0, 1, limits.max], dtype)
    else:
        largest = min(float(np.finfo(dtype).max), float(np.finfo(np.float32).max))
        values = np.array([-largest, 0, 0.1, largest], dtype)
    expected = values.astype(np.float32)
    raw = memoryview(values.tobytes())
    assert tensors.from_bytes(raw, [4], datatype).tolist() == expected.tolist()
    assert tensors.from_bytes(raw, [4], datatype).dtype == np.float32
    data: list[Any] = values.tolist()
    assert tensors.from_json(data, [4], datatype).tolist() == expected.tolist()
    nested = [[value] for value in data]
    assert tensors.from_json(nested, [4, 1], datatype).tolist() == expected.tolist()


@given(arrays(np.float32, st.tuples(st.integers(1, 5), st.integers(1, 5)), elements=SHARED))
def test_nested_flat_and_binary_are_the_same_tensor(values: NDArray[np.float32]) -> None:
    """The three ways to send a matrix give the same float32 values, row by row."""
    shape = list(values.shape)
    expected = values.ravel().tolist()
    assert tensors.from_json(values.tolist(), shape, "FP32").tolist() == expected
    assert tensors.from_json(expected, shape, "FP32").tolist() == expected
    assert tensors.from_bytes(memoryview(values.tobytes()), shape, "FP32").tolist() == expected


def test_float32_bytes_are_not_copied() -> None:
    """FP32 is what the model takes, so its bytes stay where they are."""
    raw = np.ones(6, "<f4").tobytes()
    found = tensors.from_bytes(memoryview(raw), [2, 3], "FP32")
    assert np.shares_memory(found, np.frombuffer(raw, "<f4"))


def test_numbers_may_begin_anywhere_in_a_body() -> None:
    """Bytes after JSON of any length are read right, aligned or not."""
    values = np.arange(6, dtype="<f4")
    for before in range(4):
        raw = memoryview(bytes(before) + values.tobytes())[before:]
        found = tensors.from_bytes(raw, [2, 3], "FP32")
        assert found.tolist() == values.tolist()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("datatype", tensors.FLOATS)
def test_what_is_not_finite_is_named_by_place(datatype: str, value: float) -> None:
    """NaN and infinity are refused in every floating datatype, both ways in."""
    values = np.array([1, value, 2, value], tensors.FLOATS[datatype])
    with pytest.raises(tensors.MisfitError, match="not a finite number") as binary:
        tensors.from_bytes(memoryview(values.tobytes()), [2, 2], datatype)
    with pytest.raises(tensors.MisfitError, match="not a finite number") as text:
        tensors.from_json(values.tolist(), [2, 2], datatype)
    assert list(binary.value.places) == list(text.value.places) == [1, 3]


def test_what_float32_cannot_hold_is_refused_and_not_infinite() -> None:
    """An FP64 past float32, or JSON past its own datatype, is refused by its place, without a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        raw = memoryview(np.array([0, 1e39]).tobytes())
        for read in (
            lambda: tensors.from_bytes(raw, [2], "FP64"),
            lambda: tensors.from_json([0, 1e39], [2], "FP64"),
            lambda: tensors.from_json([0, 1e39], [2], "FP32"),
        ):
            with pytest.raises(tensors.MisfitError, match="too large for float32") as refused:
                read()
            assert list(refused.value.places) == [1]
        with pytest.raises(tensors.MisfitError, match="too large for FP16"):
            tensors.from_json([70_000], [1], "FP16")


@pytest.mark.parametrize(
    ("data", "datatype", "place", "reason"),
    [
        ([1, True], "FP32", 1, "not a number"),
        (["1", 2], "FP32", 0, "not a number"),
        ([1, None], "FP64", 1, "not a number"),
        ([1, [2]], "FP32", 1, "not a number"),
        ([1, 10**400], "FP32", 1, "not a number"),
        ([1, 1.5], "INT32", 1, "not a whole number"),
        ([14.0, 14.5], "INT32", 1, "not a whole number"),
        ([1.0, math.inf], "INT32", 1, "not a whole number"),
        ([1, True], "INT32", 1, "not a whole number"),
        ([1.0, 1e300], "INT64", 1, "out of the range of INT64"),
        ([128.0, 1], "INT8", 0, "out of the range of INT8"),
        ([True, 1], "UINT8", 0, "not a whole number"),
        ([1, 128], "INT8", 1, "out of the range of INT8"),
        ([-1, 1], "UINT64", 0, "out of the range of UINT64"),
        ([1, 10**5000], "INT64", 1, "out of the range of INT64"),
    ],
)
def test_wrong_elements_are_named(data: list[Any], datatype: str, place: int, reason: str) -> None:
    """What is no number of its datatype is refused by its place and reason."""
    with pytest.raises(tensors.MisfitError, match=f"^{reason}$") as refused:
        tensors.from_json(data, [2], datatype)
    assert list(refused.value.places) == [place]


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        ([14.0, 2], [14, 2]),
        ([-0.0, 1e3], [0, 1000]),
        ([float(2**53), float(2**60)], [2**53, 2**60]),
    ],
)
def test_a_whole_number_is_one_however_it_is_written(data: list[Any], wanted: list[int]) -> None:
    """JSON's 14.0 and 14 are the same number, flat and nested."""
    assert tensors.from_json(data, [2], "INT64").tolist() == wanted
    assert tensors.from_json([data], [1, 2], "INT64").tolist() == wanted


@pytest.mark.parametrize(
    ("data", "shape"),
    [
        ([], [1]),
        ([1], [2]),
        ([1, 2, 3], [2, 1]),
        ([[1, 2], [3]], [2, 2]),
        ([[1, 2], 3], [2, 2]),
        ([[1, 2]], [2, 1]),
        ([1], [2**62, 2**62]),
    ],
)
def test_data_that_is_not_its_shape_is_malformed(data: list[Any], shape: list[int]) -> None:
    """A declared size is only ever compared with what is there."""
    with pytest.raises(MalformedError):
        tensors.from_json(data, shape, "FP32")
    with pytest.raises(MalformedError):
        tensors.from_bytes(memoryview(bytes(3)), shape, "FP32")


Json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4),
)


@given(
    st.lists(Json, max_size=6),
    st.lists(st.integers(0, 4), min_size=1, max_size=2),
    st.sampled_from(list(tensors.NUMBERS)),
)
def test_any_data_is_read_or_refused(data: list[Any], shape: list[int], datatype: str) -> None:
    """Whatever JSON stands in data, the outcome is finite float32 of the shape, or a named refusal."""
    with contextlib.suppress(MalformedError, tensors.MisfitError):
        found = tensors.from_json(data, shape, datatype)
        assert len(found) == math.prod(shape)
        assert np.isfinite(found).all()


@given(st.binary(max_size=40), st.integers(0, 9), st.sampled_from(list(tensors.NUMBERS)))
def test_any_bytes_are_read_or_refused(raw: bytes, rows: int, datatype: str) -> None:
    """Whatever bytes come, the outcome is finite float32 of the shape, or a named refusal."""
    with contextlib.suppress(MalformedError, tensors.MisfitError):
        found = tensors.from_bytes(memoryview(raw), [rows], datatype)
        assert len(found) == rows
        assert np.isfinite(found).all()


@given(arrays(np.float32, st.integers(0, 5), elements=st.floats(width=32, allow_nan=False)))
def test_numbers_leave_as_they_are(values: NDArray[np.float32]) -> None:
    """JSON and bytes both give back the very float32 that they were made from."""
    finite = values[np.isfinite(values)]
    assert np.array(json.loads(tensors.to_json(finite)), np.float32).tolist() == finite.tolist()
    assert tensors.to_bytes(values) == values.astype("<f4").tobytes()
    assert json.loads(tensors.to_json(finite.astype(np.float64))) == finite.tolist()


@given(st.lists(st.text(max_size=5), min_size=1, max_size=4))
def test_texts_are_read_by_tritons_own_reader(texts: list[str]) -> None:
    """A BYTES tensor is what Triton's client takes apart."""
    raw = b"".join(map(tensors.text_element, texts))
    assert [each.decode() for each in deserialize_bytes_tensor(raw)] == texts
