"""`/predict` bodies: what is good is packed exactly, what is bad is named, whatever the bytes."""

import json
import math
import os
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from models.manifest import Manifest
from models.repository import Artifact
from service import errors
from service.errors import ServiceError
from service.predict import bulk
from service.predict.bulk import BULK_BYTES
from service.predict.codec import PredictCodec
from service.predict.schema import predict_request
from service.settings import Settings
from service.wire.results import Results
from tests.service.calls import KeptCall

# `make fuzz` asks for many more.
EXAMPLES = settings(max_examples=int(os.environ.get("FUZZ_EXAMPLES", "200")), deadline=None)
MAX_ROWS, MOST_BYTES = 8, 1 << 20
FLOATS = st.floats(allow_nan=True, allow_infinity=True)
VALUES = FLOATS | st.integers(-(10**60), 10**60) | st.none() | st.booleans() | st.text(max_size=3)


@pytest.fixture(scope="module")
def manifest(artifact: Artifact) -> Manifest:
    """A manifest cut to three inputs, so that generated rows are often good ones."""
    inputs = artifact.manifest.inputs[:3]
    return artifact.manifest.model_copy(update={"inputs": inputs})


@pytest.fixture(scope="module")
def codec(manifest: Manifest) -> PredictCodec:
    """The codec of that manifest."""
    return PredictCodec(manifest, MAX_ROWS, MOST_BYTES, [0] * len(manifest.classes))


def decode(codec: PredictCodec, document: Any) -> KeptCall:
    """Decode a document, or bytes."""
    call = KeptCall(document if isinstance(document, bytes) else json.dumps(document).encode())
    codec.decode(call)
    return call


def refusal(codec: PredictCodec, document: Any) -> ServiceError | None:
    """Return the error that refuses a document, if one does."""
    try:
        decode(codec, document)
    except ServiceError as error:
        return error
    return None


def answer(call: KeptCall, probabilities: list[float]) -> dict[str, Any]:
    """Encode results for the rows of a call."""
    payload = struct.pack(f"<{len(probabilities)}f", *probabilities)
    found: dict[str, Any] = json.loads(call.encode(call, Results(payload, call.rows, 2, 3), 0))
    return found


def names(manifest: Manifest) -> list[str]:
    """Return the inputs' names in order."""
    return [item.name for item in manifest.inputs]


def test_a_row_by_position_or_by_name_is_packed_as_float32(codec: PredictCodec, manifest: Manifest) -> None:
    """Both forms give the same bytes, in the inputs' order."""
    wanted = struct.pack("<6f", 1, 2.5, -3, 4, 5, 6)
    assert decode(codec, {"instances": [[1, 2.5, -3], [4, 5, 6]]}).payload == wanted
    named = dict(reversed(list(zip(names(manifest), [4, 5, 6], strict=True))))
    call = decode(codec, {"instances": [[1, 2.5, -3], named], "id": "mine", "explain": True})
    assert (call.payload, call.rows, call.id, call.explain) == (wanted, 2, "mine", True)


def test_a_report_scores_the_good_rows_and_tells_of_the_others(
    codec: PredictCodec, manifest: Manifest
) -> None:
    """Order is kept, and each wrong row has its own reason."""
    first = names(manifest)[0]
    misspelt = dict(zip([first[:-1], *names(manifest)[1:]], [1, 2, 3], strict=True))
    rows = [[1, 2, 3], [1, None, 3], misspelt, [4, 5, 6], [1], 7, [1, 1e39, 1], [1, math.nan, 1]]
    call = decode(codec, {"instances": rows, "on_error": "report"})
    assert (call.rows, call.payload) == (2, struct.pack("<6f", 1, 2, 3, 4, 5, 6))
    predictions = answer(call, [0.9, 0.1, 0.2, 0.8])["predictions"]
    assert [entry.get("label") for entry in predictions] == ["benign", None, None, "malignant", *[None] * 4]
    assert {entry["error"] for entry in predictions if "label" not in entry} == {"invalid"}
    second = json.dumps(names(manifest)[1])
    assert [entry["reason"] for entry in predictions if "label" not in entry] == [
        f"input {second}: not a number",
        f'input {json.dumps(first[:-1])}: no such input; did you mean "{first}"?',
        "3 values wanted, 1 given",
        "neither a list nor an object",
        f"input {second}: too large for float32",
        f"input {second}: not a finite number",
    ]


def test_a_report_without_a_good_row_has_nothing_to_score(codec: PredictCodec) -> None:
    """No rows are left, and the answer is complete without results."""
    call = decode(codec, {"instances": [[1], {}], "on_error": "report"})
    assert call.rows == 0
    assert [entry["error"] for entry in answer(call, [])["predictions"]] == ["invalid", "invalid"]


def test_a_row_that_the_model_has_no_number_for_is_refused(codec: PredictCodec) -> None:
    """NaN is no JSON: the row is named, or its verdict says why."""
    rows = {"instances": [[1, 2, 3], [3e38, -3e38, 3e38]]}
    with pytest.raises(errors.InvalidError, match="row 1: the numbers are too large for this model"):
        answer(decode(codec, rows), [0.9, 0.1, math.nan, math.nan])
    found = answer(decode(codec, rows | {"on_error": "report"}), [0.9, 0.1, math.nan, math.nan])
    assert found["predictions"][1] == {
        "error": "invalid",
        "reason": "the numbers are too large for this model",
    }


def test_a_strict_request_names_the_first_five_problems_and_their_total(codec: PredictCodec) -> None:
    """All wrong rows are counted; details name row, input and reason."""
    with pytest.raises(errors.InvalidError) as raised:
        decode(codec, {"instances": [[1, 2, 3], *[["1", 2, 3]] * 6]})
    assert raised.value.problems == 6
    assert [detail["row"] for detail in raised.value.details][:5] == [1, 2, 3, 4, 5]
    assert str(raised.value).startswith('row 1, input "')


@pytest.mark.parametrize(
    ("document", "kind", "text"),
    [
        (b"", errors.MalformedError, "not the JSON that is wanted"),
        (b"\xef\xbb\xbf{}", errors.MalformedError, "not the JSON"),
        (b'{"instances": [["\\ud800"]]}', errors.MalformedError, "not the JSON"),
        (b"[" * 10**6, errors.MalformedError, "recursion limit"),
        (b'{"instances": [[1, 2, ' + b"9" * 5000 + b"]]}", errors.MalformedError, "number out of range"),
        (b"null", errors.MalformedError, "wanted an object"),
        ({"instance": [[1, 2, 3]]}, errors.InvalidError, '"instances": missing'),
        ({"instances": [[1, 2, 3]], "explian": True}, errors.InvalidError, '"explian": no such field'),
        (
            {"instances": [[1, 2, 3]], "on_error": "ignore"},
            errors.InvalidError,
            '"on_error": input should be',
        ),
        ({"instances": [[1, 2, 3]] * (MAX_ROWS + 1)}, errors.TooLargeError, "more than 8 rows"),
        ({"instances": [], "x": [0] * 10**6}, errors.TooLargeError, "more values than 8 rows have"),
        ({str(i): 1 for i in range(200)}, errors.InvalidError, "201 fields that are not known"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_what_is_wrong_with_a_body_is_said(
    codec: PredictCodec, document: Any, kind: type[Exception], text: str
) -> None:
    """Each way to be wrong has its status and its sentence."""
    with pytest.raises(kind, match=text):
        decode(codec, document)


@EXAMPLES
@given(body=st.binary() | st.text(alphabet='{}[]",:0123456789.eE+-naulinstcs \\').map(str.encode))
def test_any_bytes_are_refused(codec: PredictCodec, body: bytes) -> None:
    """Bytes that are no request are refused in a documented way."""
    refused = refusal(codec, body)
    assert refused is not None
    assert refused.status in (400, 413, 422)


@EXAMPLES
@given(body=st.recursive(VALUES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_any_document_is_decoded_or_refused(codec: PredictCodec, body: Any) -> None:
    """Whatever comes, the codec raises only what has a status, and its answer stays under 1 KB."""
    for document in (body, {"instances": body}, {"instances": [body], "on_error": "report"}):
        refused = refusal(codec, document)
        if refused is not None:
            assert refused.status in (400, 413, 422)
            assert len(errors.body(refused, "x" * 128)) < 1024


@EXAMPLES
@given(data=st.data())
def test_the_codec_takes_exactly_what_the_description_takes(
    codec: PredictCodec, manifest: Manifest, data: st.DataObject
) -> None:
    """A request passes when the OpenAPI's model takes it and float32 holds its numbers, and not otherwise."""
    known = names(manifest)
    row = st.lists(VALUES, min_size=2, max_size=4) | st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=3)
    named = st.fixed_dictionaries(
        dict.fromkeys(known, FLOATS | st.integers(0, 9)), optional={"other": VALUES}
    )
    document = data.draw(
        st.fixed_dictionaries(
            {"instances": st.lists(row | named, max_size=MAX_ROWS + 1)},
            optional={"id": VALUES, "explain": VALUES, "on_error": st.sampled_from(["fail", "report", "no"])},
        )
    )
    try:
        predict_request(manifest, MAX_ROWS).model_validate_json(json.dumps(document))
        for instance in document["instances"]:
            ordered = [instance[name] for name in known] if isinstance(instance, dict) else instance
            struct.pack("<3f", *map(float, ordered))
        taken = True
    except (ValidationError, OverflowError):
        taken = False
    if not taken and document.get("on_error") == "report":
        return
    assert (refusal(codec, document) is None) == taken


LISTS = st.lists(st.floats(width=32, allow_nan=False) | st.integers(-9, 9), min_size=3, max_size=3)


@EXAMPLES
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
        "[[1, 2, 3]]" + "".join(f', "f{i}": 1' for i in range(4)),
    ],
)
def test_what_is_not_plain_rows_is_left_to_others(instances: str) -> None:
    """The parser of large bodies flattens, and takes the first of two fields: none of that gets through."""
    body = f'{{"instances": {instances}}}'.replace("[[1, 2, 3]] * 9", str([[1, 2, 3]] * 9))
    with pytest.raises(ValueError):  # noqa: PT011 - the caller looks at no more either
        bulk.read(body.encode(), 3, MAX_ROWS)
    found = bulk.read(b'{"id": "b", "instances": [[1, 2, 3], [4, 5, 6]]}', 3, MAX_ROWS)
    assert found == (struct.pack("<6f", 1, 2, 3, 4, 5, 6), 2, {"id": "b"})


def test_the_limits_of_the_default_settings_fit_together() -> None:
    """A body of the most rows of 30 inputs, 17 digits each, is within the most bytes."""
    assert Settings().max_rows * 30 * 20 < Settings().max_body_bytes


@pytest.mark.parametrize("on_error", ["fail", "report"])
@pytest.mark.parametrize("instances", [[1, 2, 3], [1.5] * MAX_ROWS, ["a"], [None], [True, 2]])
def test_rows_that_are_not_nested_are_one_problem(codec: PredictCodec, instances: Any, on_error: str) -> None:
    """One row in the place of a list of rows: the answer says what was wanted, once."""
    with pytest.raises(errors.InvalidError, match=r"wanted a list of rows, \[\[…\]\]") as raised:
        decode(codec, {"instances": instances, "on_error": on_error})
    assert (raised.value.problems, len(raised.value.details)) == (1, 1)


@pytest.mark.parametrize("instances", [{"a": 1}, "text", 5, None, True])
def test_what_is_no_list_of_rows_is_one_problem(codec: PredictCodec, instances: Any) -> None:
    """One object, text or a number: the answer says what was wanted."""
    with pytest.raises(errors.InvalidError, match=r'"instances": wanted a list of rows, \[\[…\]\]') as raised:
        decode(codec, {"instances": instances})
    assert raised.value.problems == 1


@pytest.mark.parametrize("padding", [0, BULK_BYTES])
@pytest.mark.parametrize("given", ["mine", "", 0, -7, 2**63, 2**64, 10**128 - 1])
def test_an_id_comes_back_as_it_came(codec: PredictCodec, given: str | int, padding: int) -> None:
    """Text stays text and a number the same number, however large, in small bodies and large."""
    body = json.dumps({"instances": [[1, 2, 3]], "id": given}).encode() + b" " * padding
    found: Any = decode(codec, body).id
    assert (found, type(found)) == (given, type(given))


@pytest.mark.parametrize("padding", [0, BULK_BYTES])
@pytest.mark.parametrize("given", [True, 5.5, 5.0, 10**128, -(10**128), "x" * 129, [], {}])
def test_an_id_of_another_kind_is_invalid(codec: PredictCodec, given: Any, padding: int) -> None:
    """One problem, which says what an id is."""
    body = json.dumps({"instances": [[1, 2, 3]], "id": given}).encode() + b" " * padding
    with pytest.raises(errors.InvalidError, match='"id": wanted text or a whole number') as raised:
        decode(codec, body)
    assert raised.value.problems == 1
