"""The infer codec around a real model: every way to send rows, every output, every refusal."""

import contextlib
import gzip
import json
import zlib
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.repository import Artifact
from service.errors import InvalidError, MalformedError, ServiceError
from service.oip.codec import InferCodec
from service.plane.call import Call
from service.wire.results import Results
from tests.service.calls import KeptCall
from tests.service.oip.scored import (
    GOOD,
    MAX_ROWS,
    MOST_BYTES,
    ONES,
    Model,
    binary,
    golden,
    replaced,
    tensor,
)


def ways(model: Model, rows: NDArray[np.float32]) -> dict[str, Callable[[], Call]]:
    """Return the ways to send `rows`."""
    columns = list(zip(model.names, rows.T.copy(), strict=True))
    together, length = binary([(tensor("features", rows), rows.tobytes())])
    double = rows.astype("<f8")
    doubled, double_length = binary([(tensor("features", double, "FP64"), double.tobytes())])
    apart, apart_length = binary([(tensor(name, column), column.tobytes()) for name, column in columns])
    by_name = [tensor(name, column[:, None], data=column.tolist()) for name, column in reversed(columns)]
    nested = tensor("features", rows, data=rows.tolist())
    return {
        "nested": lambda: model.decode({"inputs": [nested]}),
        "flat": lambda: model.decode({"inputs": [nested | {"data": rows.ravel().tolist()}]}),
        "by name": lambda: model.decode({"inputs": by_name}),
        "binary": lambda: model.decode(together, inference_header_content_length=length),
        "binary FP64": lambda: model.decode(doubled, inference_header_content_length=double_length),
        "binary by name": lambda: model.decode(apart, inference_header_content_length=apart_length),
        "raw": lambda: model.decode(rows.tobytes(), inference_header_content_length="0"),
    }


@pytest.mark.parametrize("which", ["model", "wine"])
def test_every_way_to_send_rows_gives_the_same_batch(which: str, request: pytest.FixtureRequest) -> None:
    """Nested, flat, binary, raw, together or by name: the model gets the very same bytes."""
    model: Model = request.getfixturevalue(which)
    rows = golden(model)
    for way, decode in ways(model, rows).items():
        call = decode()
        assert (call.rows, bytes(call.payload)) == (len(rows), rows.tobytes()), way
        assert not call.explain


@pytest.mark.parametrize("which", ["model", "wine"])
def test_answers_are_the_golden_ones(which: str, request: pytest.FixtureRequest) -> None:
    """Probabilities are those of the manifest and labels their class, as JSON and as bytes."""
    model: Model = request.getfixturevalue(which)
    manifest = model.artifact.manifest
    rows = golden(model)
    expected = np.array([row.probabilities for row in manifest.golden])
    before = sum(model.labels)
    for decode in ways(model, rows).values():
        _, found = model.answer(decode(), before=3)
        assert found["probabilities"] == pytest.approx(expected, abs=1e-5)
        assert found["label"].tolist() == [manifest.classes[row.argmax()] for row in expected]
    assert sum(model.labels) - before == len(rows) * 7


@pytest.mark.parametrize("which", ["model", "wine"])
@pytest.mark.parametrize("in_bytes", [False, True])
def test_an_explanation_adds_up(which: str, in_bytes: bool, request: pytest.FixtureRequest) -> None:
    """Intercept plus contributions is the logit, and its link the probability, for two and more classes."""
    model: Model = request.getfixturevalue(which)
    rows = golden(model)
    names = ["contributions", "logit", "probabilities", "intercept"]
    wanted = [{"name": name, "parameters": {"binary_data": in_bytes}} for name in names]
    body = {"inputs": [tensor("features", rows, data=rows.tolist())], "outputs": wanted}
    document, found = model.answer(model.decode(body), before=2)
    assert [output["name"] for output in document["outputs"]] == names
    classes = len(model.artifact.manifest.classes)
    logits = () if classes == 2 else (classes,)
    assert found["contributions"].shape == (len(rows), *logits, len(model.names))
    assert found["logit"].shape == found["intercept"].shape == (len(rows), *logits)
    total = found["intercept"] + found["contributions"].sum(-1)
    assert total == pytest.approx(found["logit"], abs=1e-5)
    if classes == 2:
        assert 1 / (1 + np.exp(-total)) == pytest.approx(found["probabilities"][:, 1], abs=1e-5)
    else:
        odds = np.exp(total - total.max(1, keepdims=True))
        assert odds / odds.sum(1, keepdims=True) == pytest.approx(found["probabilities"], abs=1e-5)


def test_each_output_is_as_it_was_asked_for(model: Model) -> None:
    """The output's own binary_data wins over the request's; the order is the request's; the id is echoed."""
    rows = golden(model)
    body = {
        "id": "mine",
        "parameters": {"binary_data_output": True},
        "inputs": [tensor("features", rows, data=rows.tolist())],
        "outputs": [{"name": "label", "parameters": {"binary_data": False}}, {"name": "probabilities"}],
    }
    document, _ = model.answer(model.decode(body))
    assert [("data" in output) for output in document["outputs"]] == [True, False]
    assert [output["name"] for output in document["outputs"]] == ["label", "probabilities"]
    assert (document["id"], document["model_name"], document["model_version"]) == (
        "mine",
        "breast-cancer",
        "1",
    )
    del body["outputs"], body["id"]
    document, _ = model.answer(model.decode(body))
    assert [("data" in output) for output in document["outputs"]] == [False, False]
    assert document["id"] == "made"


def test_a_timeout_shortens_the_deadline(model: Model) -> None:
    """parameters.timeout is in microseconds, and never lengthens."""
    rows = golden(model)[:1]
    inputs = [tensor("features", rows, data=rows.tolist())]
    for timeout, seconds in ((0, 10), (2_000_000, 2), (99_000_000, 10)):
        call = model.decode({"inputs": inputs, "parameters": {"timeout": timeout}})
        assert call.deadline - call.started == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"inputs": [GOOD], "outputs": [{"name": "labels"}]}, "no such output"),
        ({"inputs": [GOOD], "outputs": [{"name": "label"}] * 2}, "asked for twice"),
    ],
    ids=lambda value: repr(value)[-60:],
)
def test_an_output_that_the_model_has_not_is_invalid(model: Model, body: Any, said: str) -> None:
    """A request that can be read but does not fit the model is refused with 422 and says what was wanted."""
    with pytest.raises(InvalidError, match=said):
        model.decode(body)


@pytest.mark.parametrize("given", ["mine", "", 0, -7, 2**63, 2**64, 10**128 - 1])
def test_an_id_comes_back_as_it_came(model: Model, given: str | int) -> None:
    """Text stays text and a number the same number, however large."""
    document, _ = model.answer(model.decode({"inputs": [GOOD], "id": given}))
    assert document["id"] == given
    assert type(document["id"]) is type(given)


@pytest.mark.parametrize("given", [True, 5.5, 5.0, 10**128, -(10**128), "x" * 129, [], {}])
def test_an_id_of_another_kind_is_invalid(model: Model, given: Any) -> None:
    """The refusal says what an id is."""
    with pytest.raises(InvalidError, match='"id": wanted text or a whole number'):
        model.decode({"inputs": [GOOD], "id": given})


def test_a_known_header_says_nothing_of_the_data(model: Model) -> None:
    """Requests with the same JSON are read and checked by their own bytes; refused JSON is refused again."""
    rows = golden(model)[:2]
    for values in (rows, rows[::-1].copy()):
        body, length = binary([(tensor("features", values), values.tobytes())], id="same")
        call = model.decode(body, inference_header_content_length=length)
        assert (bytes(call.payload), call.id) == (values.tobytes(), "same")
    nan = np.full_like(rows, np.nan)
    with pytest.raises(InvalidError, match="not a finite number"):
        model.decode(body[: int(length)] + nan.tobytes(), inference_header_content_length=length)
    with pytest.raises(MalformedError, match="binary_data_size"):
        model.decode(body[:-4], inference_header_content_length=length)
    wrong, length = binary([(tensor("feature", rows), rows.tobytes())])
    for _ in range(2):
        with pytest.raises(InvalidError, match="no such input"):
            model.decode(wrong, inference_header_content_length=length)


def test_bytes_must_be_those_that_are_announced(model: Model) -> None:
    """A wrong length anywhere is malformed, and nothing is read past the body."""
    raw = ONES.tobytes()
    body, length = binary([(tensor("features", ONES), raw)])
    for wrong in (body + b"x", body[:-1], body[: int(length)]):
        with pytest.raises(MalformedError):
            model.decode(wrong, inference_header_content_length=length)
    for header in ("-1", "x", "", "99999999", "9" * 30, str(int(length) - 1), str(int(length) + 1)):
        with pytest.raises(MalformedError):
            model.decode(body, inference_header_content_length=header)
    short, length = binary([(tensor("features", ONES), raw[:-4])])
    with pytest.raises(MalformedError, match="does not match the shape"):
        model.decode(short, inference_header_content_length=length)
    for odd in (b"x", raw + b"x", raw[:-4]):
        with pytest.raises(MalformedError, match="30 FP32 values"):
            model.decode(odd, inference_header_content_length="0")
    with pytest.raises(InvalidError, match="no rows"):
        model.decode(b"", inference_header_content_length="0")


Json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
)


PARTS: dict[str, Any] = {
    "name": st.sampled_from(["features", "mean radius", ""]),
    "shape": st.lists(st.integers(-1, 2**65) | st.sampled_from([0, 1, 2, 30]), max_size=3),
    "datatype": st.sampled_from(["FP16", "FP32", "FP64", "INT8", "UINT64", "BOOL", "BYTES", "?"]),
    "data": st.lists(st.floats(), max_size=60) | Json,
    "parameters": st.fixed_dictionaries({}, optional={"binary_data_size": st.integers(-1, 300) | Json}),
}


Request = st.fixed_dictionaries(
    {"inputs": st.lists(st.fixed_dictionaries({}, optional=PARTS), max_size=3) | Json},
    optional={"id": Json, "parameters": Json, "outputs": Json},
)


@given(Request, st.binary(max_size=300), st.none() | st.integers(0, 1000))
def test_any_request_is_read_or_refused(model: Model, body: Any, tail: bytes, length: int | None) -> None:
    """Whatever JSON and bytes come, the outcome is finite rows or one of the documented refusals."""
    head = json.dumps(body).encode()
    refused: ServiceError | None = None
    try:
        given = str(len(head) if length is None else length)
        call = model.decode(head + tail, inference_header_content_length=given)
    except ServiceError as error:
        refused = error
    if refused is None:
        assert len(call.payload) == call.rows * 30 * 4
        assert np.isfinite(np.frombuffer(call.payload, np.float32)).all()
    else:
        assert refused.status in (400, 413, 422)


@given(st.integers(0, 400), st.integers(0, 255))
def test_a_changed_byte_is_read_or_refused(model: Model, place: int, value: int) -> None:
    """A good binary request with any one byte changed never raises anything but a refusal."""
    body, length = binary([(tensor("features", ONES), ONES.tobytes())])
    changed = bytearray(body)
    changed[place % len(changed)] = value
    with contextlib.suppress(ServiceError):
        assert model.decode(bytes(changed), inference_header_content_length=length).rows == 2


def test_compressed_answers_are_the_same(model: Model) -> None:
    """An answer is compressed when it is asked for and long enough, and is the same inside."""
    rows = np.concatenate([golden(model)] * 4)
    body = {"inputs": [tensor("features", rows, data=rows.tolist())]}
    plain = model.score(model.decode(body))
    for accepted in ("identity", "br", "gzip;q=0"):
        assert model.score(model.decode(body, accept_encoding=accepted)) == plain
    for encoding, decompress in (("gzip", gzip.decompress), ("deflate", zlib.decompress)):
        call = model.decode(body, accept_encoding=encoding)
        assert decompress(model.score(call)) == plain
        assert call.content.encoding == encoding.encode()
    small = {"inputs": [tensor("features", rows[:1], data=rows[:1].tolist())]}
    call = model.decode(small, accept_encoding="gzip")
    assert model.score(call)
    assert call.content.encoding is None


def test_rows_too_large_for_the_model_are_invalid(model: Model) -> None:
    """Where the model gives no number, the row is named instead of an answer that is no JSON."""
    call = model.decode(replaced())
    results = Results(np.array([0.5, 0.5, np.nan, np.nan], np.float32).tobytes(), 2, 2, 30)
    with pytest.raises(InvalidError, match="row 1"):
        call.encode(call, results, 0)


def test_the_json_of_an_answer_is_frozen(artifact: Artifact) -> None:
    """Byte for byte, with data in it and after it, also where a name looks like a format."""
    manifest = artifact.manifest.model_copy(
        update={"name": "50%b", "classes": ("a %", '"é"'), "positive": '"é"'}
    )
    codec = InferCodec(manifest, MAX_ROWS, MOST_BYTES, [0, 0], Counter(), Counter())
    results = Results(np.array([0.75, 0.25, 1e-7, 1], np.float32).tobytes(), 2, 2, 30)
    outputs = {
        in_bytes: [
            {"name": name, "parameters": {"binary_data": in_bytes}} for name in ("label", "probabilities")
        ]
        for in_bytes in (False, True)
    }
    answers = {}
    for in_bytes, wanted in outputs.items():
        call = KeptCall(json.dumps({"id": "é %d", "inputs": [GOOD], "outputs": wanted}).encode())
        codec.decode(call)
        answers[in_bytes] = call.encode(call, results, 0)
    head = b'{"model_name": "50%b", "model_version": "1", "id": "\\u00e9 %d", "outputs": ['
    assert answers[False] == head + (
        b'{"name": "label", "datatype": "BYTES", "shape": [2], "data": ["a %", "\\"\\u00e9\\""]}, '
        b'{"name": "probabilities", "datatype": "FP32", "shape": [2, 2], '
        b'"data": [0.75, 0.25, 1.00000001e-07, 1]}]}'
    )
    assert answers[True] == head + (
        b'{"name": "label", "datatype": "BYTES", "shape": [2], "parameters": {"binary_data_size": 15}}, '
        b'{"name": "probabilities", "datatype": "FP32", "shape": [2, 2], '
        b'"parameters": {"binary_data_size": 16}}]}'
        b'\x03\0\0\0a %\x04\0\0\0"\xc3\xa9"' + np.array([0.75, 0.25, 1e-7, 1], "<f4").tobytes()
    )
