"""Tensors of the Open Inference Protocol as arrays, from JSON or bytes and back. Knows nothing of models."""

import json
import math
import struct
from collections.abc import Sequence
from itertools import chain
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, TypeAdapter, ValidationError

from models.cells import Kind
from service.body import numbers
from service.errors import MalformedError, quote

# Little-endian, as the protocol wants it on the wire.
FLOATS: dict[str, np.dtype[Any]] = {"FP16": np.dtype("<f2"), "FP32": np.dtype("<f4"), "FP64": np.dtype("<f8")}
INTEGERS: dict[str, np.dtype[Any]] = {
    f"{sign}INT{8 * size}": np.dtype(f"<{kind}{size}")
    for sign, kind in (("", "i"), ("U", "u"))
    for size in (1, 2, 4, 8)
}
NUMBERS = FLOATS | INTEGERS
NOT_NUMBERS = ("BOOL", "BYTES", "BF16")
"""Datatypes that the protocol and its extensions know beside those; `cells` reads the first two."""

_LENGTH = struct.Struct("<I")
_floats = TypeAdapter(Annotated[list[Annotated[float, Field(strict=True)]], Field(fail_fast=True)])
_number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
_number_list = TypeAdapter(Annotated[list[_number], Field(fail_fast=True)]).validator
_number_rows = TypeAdapter(Annotated[list[list[_number]], Field(fail_fast=True)]).validator
_integers = TypeAdapter(Annotated[list[Annotated[int, Field(strict=True)]], Field(fail_fast=True)])


class MisfitError(ValueError):
    """Elements that are not what is wanted: their places in the flat tensor, and one reason for all."""

    def __init__(self, places: Sequence[int] | NDArray[np.intp], reason: str, kind: Kind = "type") -> None:
        super().__init__(reason)
        self.places, self.kind = places, kind


def flat(data: list[Any], shape: Sequence[int]) -> list[Any]:
    """Return the elements of `data`, flat or nested as `shape` (one or two dimensions) says.

    Raises MalformedError when there are more or fewer than the shape says.
    """
    if len(shape) > 1 and data and isinstance(data[0], list):
        if len(data) != shape[0] or not all(isinstance(row, list) and len(row) == shape[1] for row in data):
            raise disagreement(shape)
        data = list(chain.from_iterable(data))
    if len(data) != math.prod(shape):
        raise disagreement(shape)
    return data


def from_json(
    data: list[Any], shape: Sequence[int], datatype: str, *, gaps: bool = False
) -> NDArray[np.float32]:
    """Return the elements of `data`, flat or nested, as float32.

    null and NaN are NaN where there may be gaps. Raises MalformedError as `flat` does, and MisfitError for
    elements that are not of the datatype or do not fit float32.
    """
    data = flat(data, shape)
    if gaps and None in data:
        found = from_json([0 if each is None else each for each in data], shape, datatype, gaps=True)
        found[[each is None for each in data]] = np.nan
        return found
    try:
        if datatype in INTEGERS:
            return whole(data, datatype).astype(np.float32)
        values = np.array(_floats.validate_python(data), np.float64)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        wanted = "a whole number" if datatype in INTEGERS else "a number"
        raise MisfitError([int(problem["loc"][0])], f"not {wanted}") from None
    return _narrow(_narrow(values, datatype, gaps=gaps), "FP32", gaps=gaps)


def from_text(text: memoryview, shape: Sequence[int], datatype: str) -> NDArray[np.float32]:
    """Return the elements of `text`, a JSON list, as `from_json` does of the list itself.

    Raises ValueError for whatever is not numbers of a floating datatype in this shape; `from_json` may
    still take it.
    """
    if datatype not in FLOATS:
        raise ValueError("not floats")
    values = numbers.read(numbers.parse(text), text)
    if values.shape != tuple(shape) and values.shape != (math.prod(shape),):
        raise ValueError("not of this shape")
    return _narrow(_narrow(values, datatype), "FP32").reshape(-1)


def from_few(text: memoryview, shape: Sequence[int]) -> NDArray[np.float32]:
    """Return the FP32 elements of `text`, a JSON list, quicker than `from_text` where they are few.

    Raises ValueError for whatever is not numbers in this shape; `from_json` may still take it.
    """
    raw = bytes(text)
    if raw.startswith(b"[["):
        rows = _number_rows.validate_json(raw)
        if [len(rows), *set(map(len, rows))] != list(shape):
            raise ValueError("not of this shape")
        flat = list(chain.from_iterable(rows))
    else:
        flat = _number_list.validate_json(raw)
        if len(flat) != math.prod(shape):
            raise ValueError("not of this shape")
    try:
        return np.frombuffer(struct.pack(f"<{len(flat)}f", *flat), "<f4")
    except OverflowError:
        raise ValueError("too large for float32") from None


def from_bytes(
    raw: memoryview, shape: Sequence[int], datatype: str, *, gaps: bool = False
) -> NDArray[np.float32]:
    """Return the elements of `raw`, little-endian and row-major, as float32; FP32 is not copied.

    Raises MalformedError when the bytes are not those of the shape, and MisfitError for elements that are
    not finite or do not fit float32; NaN stays where there may be gaps.
    """
    dtype = NUMBERS[datatype]
    if len(raw) != math.prod(shape) * dtype.itemsize:
        raise disagreement(shape)
    values = np.frombuffer(raw, dtype)
    return values.astype(np.float32) if datatype in INTEGERS else _narrow(values, "FP32", gaps=gaps)


def to_bytes(values: NDArray[Any]) -> bytes:
    """Return an array's elements, little-endian and row-major."""
    return values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()


def to_json(values: NDArray[Any]) -> bytes:
    """Return an array's elements as flat JSON: nine digits say all of a float32."""
    flat = tuple(values.ravel().tolist())
    if values.dtype == np.float32:
        return to_text(flat)
    return json.dumps(flat).encode()


def to_text(flat: tuple[float, ...]) -> bytes:
    """Return float32 numbers as flat JSON: nine digits say all of one."""
    return b"[%b]" % b", ".join([b"%.9g"] * len(flat)) % flat


def text_element(text: str) -> bytes:
    """Return one element of a BYTES tensor: its length in four bytes, then UTF-8."""
    encoded = text.encode()
    return _LENGTH.pack(len(encoded)) + encoded


def whole(data: list[Any], datatype: str) -> NDArray[Any]:
    """Return whole numbers, whichever way they were written, as an array of their datatype.

    Raises ValidationError for anything else, MisfitError for what the datatype cannot hold.
    """
    values = _integer_list(data)
    try:
        return np.array(values, INTEGERS[datatype])
    except OverflowError:
        limits = np.iinfo(INTEGERS[datatype])
        outside = [place for place, value in enumerate(values) if not limits.min <= value <= limits.max]
        raise MisfitError(outside, f"out of the range of {datatype}", "range") from None


def disagreement(shape: Sequence[int]) -> MalformedError:
    """Return the refusal of data that is not of the shape."""
    return MalformedError(f"the data does not match the shape {quote(str(list(shape)))}")


def _integer_list(data: list[Any]) -> list[int]:
    try:
        return _integers.validate_python(data)
    except ValidationError:
        numbers = [int(value) if isinstance(value, float) and value.is_integer() else value for value in data]
        return _integers.validate_python(numbers)


def _narrow(values: NDArray[Any], datatype: str, *, gaps: bool = False) -> NDArray[Any]:
    """Return finite `values` in a floating datatype; raises MisfitError for what it cannot hold."""
    _check_finite(values, "not a finite number", gaps=gaps)
    dtype = FLOATS[datatype]
    if values.dtype.itemsize <= dtype.itemsize:
        return values.astype(dtype, copy=False)
    with np.errstate(over="ignore", under="ignore"):
        narrowed = values.astype(dtype)
    _check_finite(narrowed, f"too large for {'float32' if datatype == 'FP32' else datatype}", gaps=gaps)
    return narrowed


def _check_finite(values: NDArray[Any], reason: str, *, gaps: bool) -> None:
    finite = np.isfinite(values)
    if np.count_nonzero(finite) < values.size:  # half the time of all()
        wrong = np.isinf(values) if gaps else ~finite
        if wrong.any():
            raise MisfitError(np.flatnonzero(wrong), reason, "range")
