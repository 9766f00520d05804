"""`/predict` bodies: what is good is packed exactly, what is bad is named, whatever the bytes."""

import json
import math
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.manifest import Manifest
from service import errors
from service.predict.bulk import BULK_BYTES
from service.predict.codec import PredictCodec
from tests.service.predict.documents import (
    MAX_ROWS,
    VALUES,
    answer,
    decode,
    names,
    refusal,
)


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
        f"input {second}: a missing value, which the model does not admit",
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


@given(body=st.binary() | st.text(alphabet='{}[]",:0123456789.eE+-naulinstcs \\').map(str.encode))
def test_any_bytes_are_refused(codec: PredictCodec, body: bytes) -> None:
    """Bytes that are no request are refused in a documented way."""
    refused = refusal(codec, body)
    assert refused is not None
    assert refused.status in (400, 413, 422)


@given(body=st.recursive(VALUES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_any_document_is_decoded_or_refused(codec: PredictCodec, body: Any) -> None:
    """Whatever comes, the codec raises only what has a status, and its answer stays under 1 KB."""
    for document in (body, {"instances": body}, {"instances": [body], "on_error": "report"}):
        refused = refusal(codec, document)
        if refused is not None:
            assert refused.status in (400, 413, 422)
            assert len(errors.body(refused, "x" * 128)) < 1024


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
