"""Large `/predict` bodies: read as small ones are, or left to others."""

import json
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import ServiceError
from service.predict import bulk
from service.predict.bulk import BULK_BYTES
from service.predict.codec import PredictCodec
from tests.service.predict.documents import (
    MAX_ROWS,
    VALUES,
    decode,
)

LISTS = st.lists(st.floats(width=32, allow_nan=False) | st.integers(-9, 9), min_size=3, max_size=3)


@given(
    document=st.fixed_dictionaries(
        {"instances": st.lists(LISTS, min_size=1, max_size=MAX_ROWS) | st.lists(st.lists(VALUES))},
        optional={"id": st.text(), "explain": st.booleans(), "on_error": st.sampled_from(["fail", "report"])},
    ),
    place=st.integers(0, 400),
    wrong=st.binary(max_size=2) | st.sampled_from([b"[", b"]", b"true", b'"instances": [[1, 2, 3]], ']),
)
def test_a_large_body_is_read_as_a_small_one(
    codec: PredictCodec, document: dict[str, Any], place: int, wrong: bytes
) -> None:
    """The parser of large bodies takes no more and no less, and reads the same numbers."""

    def outcome(body: bytes) -> Any:
        try:
            call = decode(codec, body)
        except ServiceError as error:
            return type(error)  # where in the body it went wrong may differ
        return call.payload, call.rows, call.id, call.explain

    good = json.dumps(document).encode()
    for body in (good, good[:place] + wrong + good[place:]):
        assert outcome(body) == outcome(body + b" " * BULK_BYTES)


@pytest.mark.parametrize(
    "instances",
    [
        "[[[1], 2, 3]]",
        "[[1, 2], [3, 4, 5, 6]]",
        "[[1, 2, true]]",
        '["abc"]',
        "[[1, 2, 1e39]]",
        "[[1, 2, 1e999]]",
        "[]",
        "[[1, 2, 3]] * 9",
        "[[1, 2, 3]]} {",
        '[[1, 2, 3]], "instances": [[4, 5, 6]]',
        '[[1, 2, 3]], "id": {"a": 1}',
        "[[1, 2, 3]]" + "".join(f', "f{i}": 1' for i in range(bulk.MOST_FIELDS)),
    ],
)
def test_what_is_not_plain_rows_is_left_to_others(instances: str) -> None:
    """The parser of large bodies flattens, and takes the first of two fields: none of that gets through."""
    body = f'{{"instances": {instances}}}'.replace("[[1, 2, 3]] * 9", str([[1, 2, 3]] * 9))
    with pytest.raises(ValueError):  # noqa: PT011 - the caller looks at no more either
        bulk.read(body.encode(), 3, MAX_ROWS)
    found = bulk.read(b'{"id": "b", "instances": [[1, 2, 3], [4, 5, 6]]}', 3, MAX_ROWS)
    assert found == (struct.pack("<6f", 1, 2, 3, 4, 5, 6), 2, {"id": "b"})
