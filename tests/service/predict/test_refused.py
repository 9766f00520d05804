"""Cells that are refused, counted by input and why."""

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.artifact import Artifact
from models.inputs import Missing
from service.predict.codec import LARGE_BYTES, PredictCodec
from tests.service.predict.documents import MAX_ROWS, MOST_BYTES, VALUES, decode, refusal

WIDTH, CHECKED, CITY = "width (mm)", "geprüft", "city"
ROW = [1.5, True, "Bonn"]
NAMED = {WIDTH: 1.5, CHECKED: True, CITY: "Bonn"}

Refused = Counter[tuple[str, str]]


@pytest.fixture
def refused() -> Refused:
    """What the codec counts."""
    return Counter()


def made(artifact: Artifact, refused: Refused, *, gaps: bool) -> PredictCodec:
    """Return a codec of the artifact, whose inputs admit gaps or not."""
    inputs = tuple(
        item.model_copy(update={"missing": Missing(admitted=gaps, imputed_by=None)})
        for item in artifact.manifest.inputs
    )
    manifest = artifact.manifest.model_copy(update={"inputs": inputs})
    return PredictCodec(manifest, MAX_ROWS, MOST_BYTES, [0, 0], Counter(), refused)


@pytest.fixture
def codec(mixed: Artifact, refused: Refused) -> PredictCodec:
    """The codec of a number, a truth and a category, none of which may be missing."""
    return made(mixed, refused, gaps=False)


CASES = [
    ([None, True, "Bonn"], {(WIDTH, "missing"): 1}),
    ([1, None, "Bonn"], {(CHECKED, "missing"): 1}),
    ([1, "", "Bonn"], {(CHECKED, "missing"): 1}),
    ([1, True, " "], {(CITY, "missing"): 1}),
    (["1", True, "Bonn"], {(WIDTH, "type"): 1}),
    ([True, True, "Bonn"], {(WIDTH, "type"): 1}),
    ([[1], True, "Bonn"], {(WIDTH, "type"): 1}),
    ([1, 1, "Bonn"], {(CHECKED, "type"): 1}),
    ([1, True, 3], {(CITY, "type"): 1}),
    ([1e39, True, "Bonn"], {(WIDTH, "range"): 1}),
    ([-(10**400), True, "Bonn"], {(WIDTH, "range"): 1}),
    ([float("nan"), True, "Bonn"], {(WIDTH, "range"): 1}),
    ([float("inf"), True, "Bonn"], {(WIDTH, "range"): 1}),
    ([1, "vielleicht", "Bonn"], {(CHECKED, "text"): 1}),
    ([None, 7, 3], {(WIDTH, "missing"): 1}),
    ({WIDTH: 1.5, CITY: "Bonn"}, {(CHECKED, "missing"): 1}),
    ({"Width": 1.5, CITY: "Bonn"}, {(WIDTH, "missing"): 1, (CHECKED, "missing"): 1}),
    (NAMED | {WIDTH: None}, {(WIDTH, "missing"): 1}),
    (NAMED | {CHECKED: "vielleicht"}, {(CHECKED, "text"): 1}),
    (NAMED | {"extra": 1}, {}),
    ([1, True], {}),
    ("a row", {}),
    (ROW, {}),
    (NAMED, {}),
    ([1, True, "Neustadt"], {}),
]


@pytest.mark.parametrize("padding", [0, LARGE_BYTES])
@pytest.mark.parametrize(("row", "wanted"), CASES, ids=repr)
def test_a_refused_cell_is_counted_by_input_and_kind(
    codec: PredictCodec, refused: Refused, row: Any, wanted: dict[Any, int], padding: int
) -> None:
    """By position and by name, in small bodies and large; the first one of a row, and all missing names."""
    refusal(codec, json.dumps({"instances": [ROW, row]}).encode() + b" " * padding)
    assert refused == wanted


@pytest.mark.parametrize(("row", "wanted"), CASES, ids=repr)
def test_it_is_counted_when_it_is_reported(
    codec: PredictCodec, refused: Refused, row: Any, wanted: dict[Any, int]
) -> None:
    """As often as it comes."""
    if row not in (ROW, NAMED):
        decode(codec, {"instances": [row, ROW, row], "on_error": "report"})
    assert refused == {key: 2 * count for key, count in wanted.items()}


def test_of_a_model_of_numbers_too(tiny: Artifact, refused: Refused) -> None:
    """Which are read by another way."""
    codec = PredictCodec(tiny.manifest, MAX_ROWS, MOST_BYTES, [0, 0], Counter(), refused)
    for rows in ([[1, None]], [["1", 2]], [[1, 1e39], [1, float("nan")]], [{WIDTH: 1}], [[1, 2], {}]):
        refusal(codec, {"instances": rows})
    assert refused == {
        ("Höhe", "missing"): 3,
        (WIDTH, "missing"): 1,
        (WIDTH, "type"): 1,
        ("Höhe", "range"): 2,
    }


def test_an_admitted_gap_is_not_refused(mixed: Artifact, refused: Refused) -> None:
    """But a name that is left out is, as the row is."""
    codec = made(mixed, refused, gaps=True)
    decode(codec, {"instances": [[None, None, None], [None, "", ""], dict.fromkeys(NAMED)]})
    assert not refused
    assert refusal(codec, {"instances": [{WIDTH: 1, CHECKED: None}]})
    assert refused == {(CITY, "missing"): 1}


@given(
    st.lists(
        st.lists(VALUES, min_size=3, max_size=3) | st.dictionaries(st.sampled_from([*NAMED, "x"]), VALUES),
        max_size=4,
    )
)
def test_no_client_can_add_a_series(mixed: Artifact, rows: list[Any]) -> None:
    """The inputs are the model's, and there are four kinds."""
    refused: Refused = Counter()
    refusal(made(mixed, refused, gaps=False), {"instances": rows, "on_error": "report"})
    assert {name for name, _ in refused} <= set(NAMED)
    assert {kind for _, kind in refused} <= {"missing", "type", "range", "text"}
