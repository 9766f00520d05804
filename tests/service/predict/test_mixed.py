"""`/predict` of a model with a number, a truth and a category: every way to send cells, and what is said."""

import json
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.artifact import Artifact
from service.errors import InvalidError, MalformedError, ServiceError, TooLargeError
from service.predict.codec import LARGE_BYTES, PredictCodec
from service.predict.schema import predict_request
from tests.service.predict.documents import MAX_ROWS, MOST_BYTES, VALUES, answer, decode, refusal

ROW = [1.5, True, "Bonn"]
NAMED = {"width (mm)": 1.5, "geprüft": True, "city": "Bonn"}


@pytest.fixture
def unseen() -> Counter[str]:
    """What the codec counts."""
    return Counter()


@pytest.fixture
def labels() -> list[int]:
    """What the codec counts."""
    return [0, 0]


@pytest.fixture
def codec(mixed: Artifact, labels: list[int], unseen: Counter[str]) -> PredictCodec:
    """The codec of the model."""
    return PredictCodec(mixed.manifest, MAX_ROWS, MOST_BYTES, labels, unseen, Counter())


@pytest.fixture
def certain(mixed: Artifact, labels: list[int], unseen: Counter[str]) -> PredictCodec:
    """The codec of one that never abstains."""
    manifest = mixed.manifest.model_copy(update={"abstain": None})
    return PredictCodec(manifest, MAX_ROWS, MOST_BYTES, labels, unseen, Counter())


def numbers(payload: bytes) -> Any:
    """Return the rows of a payload."""
    return np.frombuffer(payload, np.float32).reshape(-1, 3).tolist()


@pytest.mark.parametrize("padding", [0, LARGE_BYTES])
@pytest.mark.parametrize(
    "instances",
    [[ROW, ROW], [NAMED, NAMED], [ROW, NAMED], [NAMED | {"sold": None}, NAMED | {"id": {"a": []}}]],
    ids=["lists", "objects", "both", "columns that are no inputs"],
)
def test_cells_of_every_kind_are_read(codec: PredictCodec, instances: Any, padding: int) -> None:
    """By position and by name, in small bodies and large."""
    call = decode(codec, json.dumps({"instances": instances, "id": 7}).encode() + b" " * padding)
    assert (call.rows, call.id, call.explain) == (2, 7, False)
    assert numbers(call.payload) == [[1.5, 1, 0]] * 2


def test_gaps_texts_of_a_truth_and_rare_ones_are_read(codec: PredictCodec) -> None:
    """As the encoder says."""
    call = decode(codec, {"instances": [[None, None, None], [2, "NEIN", "Aue"], [0, "", ""]]})
    np.testing.assert_array_equal(numbers(call.payload), [[np.nan, np.nan, 4], [2, 0, 2], [0, np.nan, 4]])


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (["1", True, "Bonn"], 'input "width (mm)": not a number'),
        ([1e39, True, "Bonn"], 'input "width (mm)": too large for float32'),
        ([float("nan"), True, "Bonn"], 'input "width (mm)": not a finite number'),
        ([1, True, 3], 'input "city": wanted a text'),
        ([1, True], "3 values wanted, 2 given"),
        (NAMED | {"ctiy": "x"}, 'input "ctiy": no such input; did you mean "city"?'),
    ],
    ids=repr,
)
def test_a_wrong_row_is_named(codec: PredictCodec, row: Any, said: str) -> None:
    """By itself and in a report, and the good ones are taken."""
    with pytest.raises(InvalidError) as raised:
        decode(codec, {"instances": [ROW, row]})
    separator = ", " if said.startswith("input") else ": "
    assert str(raised.value) == f"row 1{separator}{said}"
    call = decode(codec, {"instances": [ROW, row, ROW], "on_error": "report"})
    assert numbers(call.payload) == [[1.5, 1, 0]] * 2
    predictions = answer(call, [0.9, 0.1, 0.2, 0.8])["predictions"]
    assert [each.get("reason") for each in predictions] == [None, said, None]


def test_a_gap_that_is_not_admitted_is_refused_as_such(mixed: Artifact, tiny: Artifact) -> None:
    """In a model of numbers too."""
    for manifest, row in ((tiny.manifest, [None, 1]), (whole(mixed), [None, True, "Bonn"])):
        codec = PredictCodec(manifest, MAX_ROWS, MOST_BYTES, [0, 0], Counter(), Counter())
        with pytest.raises(InvalidError) as raised:
            decode(codec, {"instances": [row]})
        assert str(raised.value) == (
            'row 0, input "width (mm)": a missing value, which the model does not admit'
        )


def whole(mixed: Artifact) -> Any:
    """Return the manifest without gaps."""
    inputs = tuple(
        item.model_copy(update={"missing": item.missing.model_copy(update={"admitted": False})})
        for item in mixed.manifest.inputs
    )
    return mixed.manifest.model_copy(update={"inputs": inputs})


def test_a_model_of_numbers_takes_gaps_where_it_admits_them(mixed: Artifact) -> None:
    """By position and by name; rows without gaps go the quick way."""
    first = mixed.manifest.inputs[0]
    inputs = (first, first.model_copy(update={"name": "height"}))
    manifest = mixed.manifest.model_copy(update={"inputs": inputs})
    assert manifest.plain
    codec = PredictCodec(manifest, MAX_ROWS, MOST_BYTES, [0, 0], Counter(), Counter())
    for row in (
        [1.5, None],
        {"height": None, "width (mm)": 1.5},
        {"id": 1, "height": None, "width (mm)": 1.5},
    ):
        call = decode(codec, {"instances": [row]})
        np.testing.assert_array_equal(np.frombuffer(call.payload, np.float32), [1.5, np.nan])
    assert decode(codec, {"instances": [[1.5, 2]], "report_unseen": True}).rows == 1


def test_unseen_categories_are_counted_and_told_when_asked(
    certain: PredictCodec, unseen: Counter[str]
) -> None:
    """For each row, an empty list where there is none; a wrong row has its reason."""
    rows = [ROW, [1, True, "Neustadt"], [1, True, None]]
    results = [0.9, 0.1] * 3
    call = decode(certain, {"instances": rows})
    assert unseen == {"city": 1}
    assert all("unseen" not in each for each in answer(call, results)["predictions"])
    call = decode(certain, {"instances": rows, "report_unseen": True})
    assert unseen == {"city": 2}
    found = answer(call, results)["predictions"]
    assert [each["unseen"] for each in found] == [[], ["city"], []]
    assert list(found[0]) == ["label", "probabilities", "unseen"]
    call = decode(certain, {"instances": [7, *rows], "report_unseen": True, "on_error": "report"})
    found = answer(call, results)["predictions"]
    assert [each.get("unseen") for each in found] == [None, [], ["city"], []]
    no_number = [0.9, 0.1, float("nan"), float("nan"), 0.9, 0.1]
    assert answer(call, no_number)["predictions"][2]["error"] == "invalid"
    with pytest.raises(InvalidError, match="row 1: the numbers are too large"):
        answer(decode(certain, {"instances": rows, "report_unseen": True}), no_number)


def test_a_decision_stands_beside_the_label(codec: PredictCodec, labels: list[int]) -> None:
    """Or `abstain`; labels are counted as ever."""
    call = decode(codec, {"instances": [ROW] * 3})
    found = answer(call, [0.9, 0.1, 0.46, 0.54, 0.2, 0.8])["predictions"]
    assert [(each["label"], each["decision"]) for each in found] == [
        ("no", "no"),
        ("yes", "abstain"),
        ("yes", "yes"),
    ]
    assert labels == [1, 2]
    call = decode(codec, {"instances": [ROW], "report_unseen": True})
    assert answer(call, [0.5, 0.5])["predictions"] == [
        {"label": "yes", "probabilities": {"no": 0.5, "yes": 0.5}, "decision": "abstain", "unseen": []}
    ]
    with pytest.raises(InvalidError, match="row 0: the numbers are too large"):
        answer(call, [float("nan")] * 2)


def test_commas_within_texts_make_no_body_too_large(codec: PredictCodec) -> None:
    """Those between values do."""
    text = "," * (LARGE_BYTES // MAX_ROWS + 1)
    call = decode(codec, {"instances": [[1, True, text]] * MAX_ROWS})
    assert numbers(call.payload) == [[1, 1, 3]] * MAX_ROWS
    with pytest.raises(TooLargeError, match="more values than 8 rows have"):
        decode(codec, {"instances": [ROW], "x": ["a,b"] * LARGE_BYTES})


@pytest.mark.parametrize("body", [b"", b"[", b'{"instances": [[1, true, "\\ud800"]]}', b"null"])
def test_what_is_no_request_is_malformed(codec: PredictCodec, body: bytes) -> None:
    """As for numbers."""
    with pytest.raises(MalformedError):
        decode(codec, body)


@given(data=st.data())
def test_what_the_description_takes_is_taken(mixed: Artifact, data: st.DataObject) -> None:
    """And what it refuses is refused; a text is more than it can say of a truth."""
    codec = PredictCodec(mixed.manifest, MAX_ROWS, MOST_BYTES, [0, 0], Counter(), Counter())
    cells = [st.floats(-1e6, 1e6) | st.none(), st.booleans() | st.none(), st.text() | st.none()]
    row = st.tuples(*cells) | st.lists(VALUES, max_size=4)
    named = st.fixed_dictionaries(
        dict(zip(NAMED, cells, strict=True)), optional={"sold": VALUES, "other": VALUES}
    )
    document = {"instances": data.draw(st.lists(row | named, max_size=MAX_ROWS + 1))}
    refused: ServiceError | None = refusal(codec, document)
    try:
        predict_request(mixed.manifest, MAX_ROWS).model_validate_json(json.dumps(document))
    except ValueError:
        assert refused is not None
    else:
        said = "" if refused is None else str(refused)
        assert not said or "wanted true" in said or "too large for float32" in said
