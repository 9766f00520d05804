"""Data apart from the rest of its JSON: read as it is in one piece, or left to those who read that."""

import functools
import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.manifest import Manifest
from models.repository import Artifact
from service.errors import ServiceError
from service.oip import bulk
from service.oip.codec import InferCodec
from service.oip.tensors import from_text
from tests.service.calls import KeptCall

MAX_ROWS, MOST_BYTES = 8, 1 << 20
PADDING = b" " * bulk.BULK_BYTES


@pytest.fixture(scope="module", params=[3, 1])
def manifest(artifact: Artifact, request: pytest.FixtureRequest) -> Manifest:
    """A manifest cut to few inputs, so that generated data often fits."""
    return artifact.manifest.model_copy(update={"inputs": artifact.manifest.inputs[: request.param]})


class InOnePiece(InferCodec):
    """The codec without the quick way."""

    def _read(self, body: bytes, length: int) -> Any:
        request, wanted = self._parse(body[:length])
        return request, wanted, self._inputs.rows(request.inputs, memoryview(body)[length:])


def outcome(codec: InferCodec, body: bytes) -> Any:
    """Return all that a codec makes of a body, or all that it says against it."""
    call = KeptCall(body)
    try:
        codec.decode(call)
    except ServiceError as error:
        return type(error), str(error), error.details, error.problems
    assert isinstance(call.encode, functools.partial)
    sooner = call.deadline < call.started + 9
    return bytes(call.payload), call.rows, call.id, call.explain, call.encode.args, sooner


NUMBERS = st.floats(width=32, allow_nan=False, allow_infinity=False) | st.integers(-9, 9)
ODD = st.floats() | st.integers(-(10**60), 10**400) | st.none() | st.booleans() | st.text(max_size=3)
LISTS = st.recursive(
    ODD | NUMBERS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner)
)
DATATYPES = st.sampled_from(["FP32"] * 5 + ["FP64", "FP16", "INT8", "BOOL", "?"])
PARAMETERS = st.sampled_from(
    [{}, {"a": 1}, {"data": [1, 2, 3]}, {"binary_data_size": 4}, {"binary_data_size": 0}]
)


@st.composite
def tensors(draw: st.DrawFn, columns: int) -> dict[str, Any]:
    """Draw an input, mostly a good one, its fields in any order."""
    rows = draw(st.integers(1, 3))
    values = draw(st.lists(NUMBERS, min_size=rows * columns, max_size=rows * columns))
    nested = [values[first : first + columns] for first in range(0, len(values), columns)]
    if draw(st.integers(0, 3)) == 0:
        values[draw(st.integers(0, len(values) - 1))] = draw(ODD)
    fields = {
        "name": draw(st.sampled_from(["features"] * 5 + ["mean radius", "data"])),
        "shape": draw(
            st.sampled_from([[rows, columns]] * 9 + [[rows], [rows, columns + 1], [], [0, columns]])
        ),
        "datatype": draw(DATATYPES),
        "data": draw(st.sampled_from([values, nested] * 4 + [draw(LISTS)])),
    } | ({"parameters": draw(PARAMETERS)} if draw(st.booleans()) else {})
    return dict(draw(st.permutations(list(fields.items()))))


@st.composite
def requests(draw: st.DrawFn, columns: int) -> bytes:
    """Draw a request, mostly a good one."""
    fields: dict[str, Any] = {
        "inputs": [draw(tensors(columns)) for _ in range(draw(st.sampled_from([1, 1, 1, 2])))]
    }
    for name, values in OTHERS.items():
        if draw(st.booleans()):
            fields[name] = draw(values)
    ordered = dict(draw(st.permutations(list(fields.items()))))
    return json.dumps(ordered, indent=draw(st.sampled_from([None, None, 1]))).encode()


OTHERS: dict[str, st.SearchStrategy[Any]] = {
    "id": st.text(max_size=5) | st.sampled_from(["mine"] * 5 + ['x"data', "data", '"data": [', "é", 7, True]),
    "parameters": st.sampled_from([{"timeout": 1000}, {"data": [1, 2, 3]}, {"binary_data_output": True}, 5]),
    "outputs": st.sampled_from([[{"name": "label"}], [{"name": "logit"}], [{"name": "data"}], []]),
}
WRONG = st.binary(max_size=2) | st.sampled_from(
    [
        *(b"[", b"]", b"{", b"}", b'"', b"\\", b"true", b"-0", b"1e999", b"NaN", b"9" * 30),
        b'"data": [[1, 2, 3]], ',
        b', "d\\u0061ta": [1, 2, 3]',
        b', "x\\"data": [1, 2, 3]',
    ]
)


@given(st.data())
def test_data_apart_is_read_as_in_one_piece(manifest: Manifest, data: st.DataObject) -> None:
    """Both ways take the same bodies, read the same of them, and say the same against the others."""
    quick = InferCodec(manifest, MAX_ROWS, MOST_BYTES, [0, 0], Counter(), Counter())
    slow = InOnePiece(manifest, MAX_ROWS, MOST_BYTES, [0, 0], Counter(), Counter())
    good = data.draw(requests(len(manifest.inputs)))
    place, wrong = data.draw(st.integers(0, len(good))), data.draw(WRONG)
    for body in (good, good[:place] + wrong + good[place:], good[:place]):
        for padding in (b"", PADDING, PADDING):  # the second time the rest is known
            assert outcome(quick, body + padding) == outcome(slow, body + padding)


@pytest.mark.parametrize("spelt", ["[1, 2.5, -0]", "[[1, 2.5, -0]]", "[ [ 1e0 ,25E-1,-0 ] ]"])
@pytest.mark.parametrize("more", ["", ', "parameters": {}', ' , "other": [] '])
def test_usual_data_is_taken_out_of_its_json(spelt: str, more: str) -> None:
    """Flat or nested, last or not: what is left is the same, whatever the numbers are."""
    around = (
        '{"inputs": [{"name": "features", "shape": [1, 3], "datatype": "FP32", "data" : %s' + more + "}]}"
    )
    rest, data = bulk.cut((around % spelt).encode())
    assert (rest.decode(), bytes(data).decode()) == (around % "[]", spelt)
    assert from_text(data, [1, 3], "FP32").tolist() == [1, 2.5, 0]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b'"data"',
        b'{"data": 5}',
        b'{"data": [',
        b'{"data": ["a"]}',
        b'{"data": [1], "data": [2]}',
        b'{"data": [1], "x": {"data": []}}',
        b'{"data": [1], "id": "data"}',
        b'{"x\\"data": [1]}',
        b'{"data": [1], "d\\u0061ta": [2]}',
    ],
)
def test_data_that_may_be_in_two_places_is_not_taken_out(body: bytes) -> None:
    """Only where nothing else can be meant."""
    with pytest.raises(ValueError):  # noqa: PT011 - the caller looks at no more either
        bulk.cut(body)


@pytest.mark.parametrize(
    "text", ["[1, true, 3]", "[[1], [2, 3]]", "[1, [2], 3]", "[1, [[2, 3]]]", "[1, {}, 3]", "[[]]"]
)
def test_what_is_not_plain_rows_is_left_to_others(text: str) -> None:
    """The parser flattens and skips: none of that gets through."""
    with pytest.raises(ValueError):  # noqa: PT011 - as above
        from_text(memoryview(text.encode()), [1, 3], "FP32")
