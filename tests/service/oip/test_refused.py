"""Elements of tensors that are refused, counted by input and why."""

import json
from collections import Counter
from typing import Any

import numpy as np
import pytest

from models.artifact import Artifact
from models.inputs import Missing
from service.errors import ServiceError
from service.oip.codec import InferCodec
from tests.service.calls import KeptCall
from tests.service.oip.scored import MAX_ROWS, MOST_BYTES, binary, tensor

WIDTH, CHECKED, CITY = "width (mm)", "geprüft", "city"
SHAPE = np.zeros(3)
NUMBERS = tensor(WIDTH, SHAPE, data=[1, 2, 3])
TRUTHS = tensor(CHECKED, SHAPE, "BOOL", data=[True, False, True])
SPELT = tensor(CHECKED, SHAPE, "BYTES")
TEXTS = tensor(CITY, SHAPE, "BYTES", data=["Bonn", "Neustadt", "Aue"])
NAN, BEYOND = float("nan"), 1e39


def refused(artifact: Artifact, body: dict[str, Any] | bytes, *, gaps: bool, **headers: str) -> Any:
    """Have a body be refused, and return what was counted of it."""
    inputs = tuple(
        item.model_copy(update={"missing": Missing(admitted=gaps, imputed_by=None)})
        for item in artifact.manifest.inputs
    )
    manifest = artifact.manifest.model_copy(update={"inputs": inputs})
    counts: Counter[tuple[str, str]] = Counter()
    codec = InferCodec(manifest, MAX_ROWS, MOST_BYTES, [0, 0], Counter(), counts)
    named = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    with pytest.raises(ServiceError):
        codec.decode(KeptCall(body if isinstance(body, bytes) else json.dumps(body).encode(), named))
    return dict(counts)


@pytest.mark.parametrize(
    ("tensors", "wanted"),
    [
        ([NUMBERS | {"data": [NAN, 2, NAN]}, TRUTHS, TEXTS], {(WIDTH, "range"): 2}),
        ([NUMBERS | {"data": [1, 2, BEYOND]}, TRUTHS, TEXTS], {(WIDTH, "range"): 1}),
        ([NUMBERS | {"data": [1, "2", 3]}, TRUTHS, TEXTS], {(WIDTH, "type"): 1}),
        ([NUMBERS, TRUTHS | {"data": [1, True, True]}, TEXTS], {(CHECKED, "type"): 1}),
        ([NUMBERS, TRUTHS | {"data": [None, True, True]}, TEXTS], {(CHECKED, "missing"): 1}),
        ([NUMBERS, SPELT | {"data": ["ja", "x", "nein"]}, TEXTS], {(CHECKED, "text"): 1}),
        ([NUMBERS, TRUTHS, TEXTS | {"data": ["Bonn", "", "Aue"]}], {(CITY, "missing"): 1}),
        ([NUMBERS, TRUTHS], {(CITY, "missing"): 1}),
        ([NUMBERS], {(CHECKED, "missing"): 1, (CITY, "missing"): 1}),
        ([NUMBERS, TRUTHS, TEXTS | {"name": "ctiy"}], {(CITY, "missing"): 1}),
        ([NUMBERS, TRUTHS, TEXTS | {"shape": [2, 1]}], {}),
        ([NUMBERS | {"datatype": "BYTES"}, TRUTHS, TEXTS], {}),
    ],
    ids=[
        *("not finite", "beyond float32", "no number", "no truth", "a gap", "no text of a truth"),
        *("an empty text", "one tensor too few", "two too few", "misspelt", "other shape", "other datatype"),
    ],
)  # fmt: skip
def test_a_refused_element_is_counted_by_input_and_kind(
    mixed: Artifact, tensors: list[dict[str, Any]], wanted: dict[Any, int]
) -> None:
    """Of a tensor by each input's name, and tensors that are missing."""
    assert refused(mixed, {"inputs": tensors}, gaps=False) == wanted


def test_elements_of_one_tensor_are_of_the_inputs_of_their_columns(tiny: Artifact) -> None:
    """As JSON, as bytes, and as a body that is nothing else."""
    rows = np.array([[NAN, 1], [2, np.inf], [NAN, 3]], np.float32)
    wanted = {(WIDTH, "range"): 2, ("Höhe", "range"): 1}
    features = tensor("features", rows)
    body, length = binary([(features, rows.tobytes())])
    assert refused(tiny, {"inputs": [features | {"data": rows.tolist()}]}, gaps=False) == wanted
    assert refused(tiny, body, gaps=False, inference_header_content_length=length) == wanted
    assert refused(tiny, rows.tobytes(), gaps=False, inference_header_content_length="0") == wanted
    assert refused(tiny, rows.tobytes(), gaps=True, inference_header_content_length="0") == {
        ("Höhe", "range"): 1
    }
