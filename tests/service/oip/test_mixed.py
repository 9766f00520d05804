"""Inference by a model with a number, a truth and a category: one tensor an input, and decisions."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tritonclient.utils import serialize_byte_tensor

from service.errors import InvalidError, MalformedError
from service.oip import bulk
from service.oip.codec import InferCodec
from service.plane.call import Call
from service.wire.results import Results
from tests.service import mixed as by_hand
from tests.service.oip.scored import MAX_ROWS, MOST_BYTES, Model, binary, load, tensor

NUMBERS = np.array([3.25, np.nan, -0.1], np.float32)
TRUTHS = np.array([True, False, True])
TEXTS = np.array(["Bonn", "", "Neustadt"], object)
WANTED = [[3.25, 1, 0], [np.nan, 0, 4], [np.float32(-0.1), 1, 3]]
GOOD: list[dict[str, Any]] = [
    tensor("width (mm)", NUMBERS, data=[3.25, None, -0.1]),
    tensor("geprüft", TRUTHS, "BOOL", data=TRUTHS.tolist()),
    tensor("city", TEXTS, "BYTES", data=TEXTS.tolist()),
]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """The mixed model, whose module is written by hand."""
    return load(by_hand.publish(tmp_path_factory.mktemp("mixed")))


def replaced(place: int, **fields: Any) -> dict[str, Any]:
    """Return a good request but for these fields of one tensor."""
    return {"inputs": [each | (fields if number == place else {}) for number, each in enumerate(GOOD)]}


def rows(call: Call) -> NDArray[np.float32]:
    """Return the rows of a call."""
    return np.frombuffer(call.payload, np.float32).reshape(call.rows, 3)


def texts(values: NDArray[Any]) -> bytes:
    """Return a BYTES tensor as Triton's client writes it."""
    raw: bytes = serialize_byte_tensor(values).item()
    return raw


def ways(model: Model) -> dict[str, Callable[[], Call]]:
    """Return the ways to send the rows."""
    apart, length = binary(
        [
            (tensor("city", TEXTS, "BYTES"), texts(TEXTS)),
            (tensor("width (mm)", NUMBERS), NUMBERS.tobytes()),
            (tensor("geprüft", TRUTHS, "BOOL"), TRUTHS.tobytes()),
        ]
    )
    spelt = np.array(["ja", "NEIN", "ja"], object)
    columns = [each | {"shape": [3, 1], "data": [[value] for value in each["data"]]} for each in GOOD]
    padded = {"inputs": GOOD, "padding": "x" * bulk.BULK_BYTES}
    nan = json.dumps(replaced(0, data=[3.25, float("nan"), -0.1])).encode()
    return {
        "json": lambda: model.decode({"inputs": GOOD}),
        "json of columns": lambda: model.decode({"inputs": columns}),
        "large json": lambda: model.decode(padded),
        "json with NaN": lambda: model.decode(nan),
        "FP64": lambda: model.decode(replaced(0, datatype="FP64")),
        "texts of a truth": lambda: model.decode(replaced(1, datatype="BYTES", data=spelt.tolist())),
        "binary": lambda: model.decode(apart, inference_header_content_length=length),
    }


def test_every_way_to_send_rows_gives_the_same_batch(model: Model) -> None:
    """A null, a NaN and an empty text are missing; and what is unseen is counted."""
    before = model.unseen["city"]
    for way, decode in ways(model).items():
        np.testing.assert_array_equal(rows(decode()), np.array(WANTED, np.float32), err_msg=way)
    assert model.unseen["city"] - before == len(ways(model))


def test_a_decision_is_given_unasked_and_on_request(model: Model) -> None:
    """As JSON and as bytes; of one that is asked for alone too."""
    golden = model.artifact.manifest.golden
    document, found = model.answer(model.decode({"inputs": GOOD}), before=2)
    assert [each["name"] for each in document["outputs"]] == ["probabilities", "label", "decision"]
    assert found["probabilities"][0] == pytest.approx(golden[0].probabilities, abs=1e-6)
    for in_bytes in (False, True):
        wanted = [{"name": "decision", "parameters": {"binary_data": in_bytes}}]
        call = model.decode({"inputs": GOOD, "outputs": wanted})
        results = Results(np.array([0.9, 0.1, 0.5, 0.5, 0.2, 0.8], np.float32).tobytes(), 3, 2, 3)
        body = call.encode(call, results, 0)
        assert b"abstain" in body
        start = body.index(b"no", body.index(b"decision"))
        assert start < body.index(b"abstain") < body.index(b"yes")


def test_an_explanation_adds_up(model: Model) -> None:
    """For gaps and categories too."""
    names = ["contributions", "logit", "intercept", "probabilities"]
    call = model.decode({"inputs": GOOD, "outputs": [{"name": name} for name in names]})
    _, found = model.answer(call)
    total = found["intercept"] + found["contributions"].sum(-1)
    assert total == pytest.approx(found["logit"])
    assert 1 / (1 + np.exp(-total)) == pytest.approx(found["probabilities"][:, 1], abs=1e-6)


FEATURES = tensor("features", np.ones((1, 3)), data=[[1, 1, 1]])


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"inputs": [FEATURES]}, "takes one tensor an input"),
        ({"inputs": GOOD[1:]}, "missing"),
        (
            replaced(0, datatype="BYTES", data=["1"] * 3),
            "it is numeric, and does not take BYTES; wanted FP32",
        ),
        (replaced(1, datatype="FP32", data=[1] * 3), "it is boolean, and does not take FP32; wanted BOOL"),
        (
            replaced(2, datatype="BOOL", data=[True] * 3),
            "it is categorical, and does not take BOOL; wanted BYTES",
        ),
        (replaced(1, data=[True, 1, True]), 'row 1, input "gepr.*not true or false'),
        (replaced(1, datatype="BYTES", data=["ja", "ja", "?"]), 'row 2, input "gepr.*wanted true, false'),
        (replaced(2, data=["a", 3, "b"]), 'row 1, input "city": not a text'),
        (replaced(0, data=[1e39, 1, 2]), 'row 0, input "width .*too large'),
    ],
    ids=lambda value: repr(value)[-60:],
)
def test_what_does_not_fit_the_model_is_invalid(model: Model, body: Any, said: str) -> None:
    """By row and input, or by what the input takes."""
    with pytest.raises(InvalidError, match=said):
        model.decode(body)


def test_a_raw_body_is_refused(model: Model) -> None:
    """It can be nothing but numbers."""
    with pytest.raises(InvalidError, match="takes one tensor an input"):
        model.decode(np.ones(3, np.float32).tobytes(), inference_header_content_length="0")


def test_an_unknown_datatype_is_malformed(model: Model) -> None:
    """For each kind."""
    for place in range(3):
        with pytest.raises(MalformedError, match="unknown datatype"):
            model.decode(replaced(place, datatype="TEXT"))


def test_gaps_in_a_model_of_numbers(model: Model) -> None:
    """Where they are admitted, in `features`, apart and raw; elsewhere they are refused."""
    first = model.artifact.manifest.inputs[0]
    strict = first.model_copy(
        update={"name": "height", "missing": first.missing.model_copy(update={"admitted": False})}
    )
    manifest = model.artifact.manifest.model_copy(update={"inputs": (first, strict)})
    codec = InferCodec(manifest, MAX_ROWS, MOST_BYTES, [0, 0], model.unseen, Counter())
    numbers = model._replace(codec=codec)
    good = np.array([[np.nan, 1]], np.float32)
    bad = np.array([[1, np.nan]], np.float32)
    for values, refused in ((good, False), (bad, True)):
        together, length = binary([(tensor("features", values), values.tobytes())])
        nulls = [None if np.isnan(value) else float(value) for value in values[0]]
        apart = [
            tensor(name, values[:, 0], data=[null])
            for name, null in zip(("width (mm)", "height"), nulls, strict=True)
        ]
        attempts: list[Callable[[], Call]] = [
            lambda body=together, length=length: numbers.decode(body, inference_header_content_length=length),  # type: ignore[misc]
            lambda values=values: numbers.decode(values.tobytes(), inference_header_content_length="0"),  # type: ignore[misc]
            lambda values=values, nulls=nulls: numbers.decode(
                {"inputs": [tensor("features", values, data=nulls)]}
            ),  # type: ignore[misc]
            lambda apart=apart: numbers.decode({"inputs": apart}),  # type: ignore[misc]
        ]
        for attempt in attempts:
            if refused:
                with pytest.raises(InvalidError, match='row 0, input "height"'):
                    attempt()
            else:
                np.testing.assert_array_equal(np.frombuffer(attempt().payload, np.float32), values[0])


def test_categories_that_are_integers_come_as_integers(model: Model) -> None:
    """Of any integer datatype, with null for a gap; large ones are not rounded."""
    city = model.artifact.manifest.inputs[2]
    zips = city.model_copy(update={"name": "zip", "categories": (2**53, 2**53 + 1), "rare": ()})
    manifest = model.artifact.manifest.model_copy(update={"inputs": (zips,)})
    codec = InferCodec(manifest, MAX_ROWS, MOST_BYTES, [0, 0], model.unseen, Counter())
    numbers = model._replace(codec=codec)
    given = np.array([2**53, 2**53 + 1, 7])
    for datatype in ("INT64", "UINT64"):
        call = numbers.decode({"inputs": [tensor("zip", given, datatype, data=given.tolist())]})
        assert np.frombuffer(call.payload, np.float32).tolist() == [0, 1, 3]
    body, length = binary([(tensor("zip", given, "INT64"), given.tobytes())])
    call = numbers.decode(body, inference_header_content_length=length)
    assert np.frombuffer(call.payload, np.float32).tolist() == [0, 1, 3]
    call = numbers.decode({"inputs": [tensor("zip", given[:1], "INT64", data=[None])]})
    assert np.frombuffer(call.payload, np.float32).tolist() == [4]
    with pytest.raises(InvalidError, match="does not take FP32; wanted INT64"):
        numbers.decode({"inputs": [tensor("zip", given, "FP32", data=given.tolist())]})
