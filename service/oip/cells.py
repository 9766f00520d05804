"""Tensors of texts, truths and whole numbers as cells, from JSON or bytes. Knows nothing of models."""

import math
import struct
from collections.abc import Iterator, Sequence
from types import NoneType
from typing import Any

import numpy as np
from pydantic import ValidationError

from service.oip.tensors import INTEGERS, MisfitError, disagreement, flat, whole

TYPES = {"BYTES": str, "BOOL": bool}
NAMES = {"BYTES": "a text", "BOOL": "true or false"}

_LENGTH = struct.Struct("<I")


def from_json(data: list[Any], shape: Sequence[int], datatype: str) -> list[Any]:
    """Return the elements of `data`, flat or nested as `shape` says: BYTES, BOOL or whole numbers.

    null is None. Raises MalformedError when there are more or fewer than the shape says, and MisfitError for
    what is not of the datatype.
    """
    data = flat(data, shape)
    if datatype in INTEGERS:
        return _whole_numbers(data, datatype)
    wanted = {TYPES[datatype], NoneType}
    if not wanted.issuperset(map(type, data)):
        places = [place for place, each in enumerate(data) if type(each) not in wanted]
        raise MisfitError(places, f"not {NAMES[datatype]}")
    return data


def from_bytes(raw: memoryview, shape: Sequence[int], datatype: str) -> list[Any]:
    """Return the elements of `raw`, row-major: texts behind their lengths, bytes 0 and 1, whole numbers.

    Raises MalformedError when the bytes are not those of the shape, and MisfitError for what is not of the
    datatype.
    """
    count = math.prod(shape)
    if datatype == "BYTES":
        texts = list(_texts(raw, shape))
        if len(texts) != count:
            raise disagreement(shape)
        return _decoded(texts)
    dtype = INTEGERS.get(datatype, np.dtype("u1"))
    if len(raw) != count * dtype.itemsize:
        raise disagreement(shape)
    values = np.frombuffer(raw, dtype)
    if datatype == "BOOL":
        if (values > 1).any():
            raise MisfitError(np.flatnonzero(values > 1), f"not {NAMES['BOOL']}")
        values = values.astype(bool)
    found: list[Any] = values.tolist()
    return found


def _whole_numbers(data: list[Any], datatype: str) -> list[int | None]:
    there = [place for place, each in enumerate(data) if each is not None]
    found: list[int | None] = [None] * len(data)
    try:
        values = whole([data[place] for place in there], datatype).tolist()
    except ValidationError as error:
        place = error.errors(include_url=False, include_input=False)[0]["loc"][0]
        raise MisfitError([there[int(place)]], "not a whole number") from None
    except MisfitError as error:
        places = [there[place] for place in error.places]
        raise MisfitError(places, str(error), error.kind) from None
    for place, value in zip(there, values, strict=True):
        found[place] = value
    return found


def _texts(raw: memoryview, shape: Sequence[int]) -> Iterator[bytes]:
    """Yield the texts of a BYTES tensor; raises MalformedError where one ends behind the end."""
    start = 0
    while start < len(raw):
        if start + _LENGTH.size > len(raw):
            raise disagreement(shape)
        (length,) = _LENGTH.unpack_from(raw, start)
        start += _LENGTH.size
        if start + length > len(raw):
            raise disagreement(shape)
        yield bytes(raw[start : start + length])
        start += length


def _decoded(texts: list[bytes]) -> list[str]:
    found = []
    for place, text in enumerate(texts):
        try:
            found.append(text.decode())
        except UnicodeDecodeError:
            raise MisfitError([place], "not UTF-8") from None
    return found
