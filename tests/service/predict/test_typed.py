"""Good bodies read in one step: the same bits as when they are looked at row by row, or left to others."""

import json
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.artifact import Artifact
from models.inputs import Categorical
from models.manifest import Manifest
from service.predict import typed
from service.predict.rows import Rows
from service.predict.schema import FLOAT32_MAX
from service.predict.typed import MOST_NAMED, Typed
from tests.service.predict.documents import MAX_ROWS, VALUES

KNOWN = {"width (mm)": 1.5, "geprüft": True, "city": "Bonn"}
NEW = {"width (mm)": 1.5, "geprüft": "JA", "city": " Bonn "}
WANTED = [[1.5, 1, 0]] * 2
CELLS = (
    st.floats(-1e39, 1e39) | st.integers(-(10**20), 10**20) | st.none(),
    st.booleans() | st.sampled_from(["ja", "nein", "Ja", "", "perhaps"]) | st.none(),
    st.sampled_from(["Bonn", "Ulm, alt", "Aue", "Zug", "elsewhere", " Bonn", ""]) | st.none(),
)


def made(manifest: Manifest, *, look_up: bool = False) -> Typed:
    """Return what reads the bodies of a model."""
    return Typed(manifest, Rows(manifest).encoder.columns, MAX_ROWS, look_up=look_up)


def values(reader: Typed, instances: Any) -> Any:
    """Return the numbers of rows."""
    request, payload = reader.read(json.dumps({"instances": instances}).encode())
    return np.frombuffer(payload, "<f4").reshape(len(request.instances), -1).tolist()


@pytest.mark.parametrize(
    "instances",
    [
        [[*KNOWN.values()]] * 2,
        [KNOWN, dict(reversed(KNOWN.items()))],
        [[*KNOWN.values()], KNOWN],
        [KNOWN | {"sold": "yes", "id": 7}, KNOWN | {"id": None}],
    ],
    ids=["by position", "by name", "both", "with columns that are no inputs"],
)
def test_rows_of_known_cells_are_read_and_others_looked_up(mixed: Artifact, instances: list[Any]) -> None:
    """As lists or objects, which may carry the target and what was left out."""
    assert values(made(mixed.manifest), instances) == WANTED
    assert values(made(mixed.manifest, look_up=True), instances) == WANTED


@pytest.mark.parametrize("instances", [[NEW, NEW], [[*NEW.values()]] * 2])
def test_texts_that_are_spelled_otherwise_are_looked_up(mixed: Artifact, instances: list[Any]) -> None:
    """By whoever looks up; the parser knows training's spelling alone."""
    with pytest.raises(ValueError, match="Invalid enum value"):
        values(made(mixed.manifest), instances)
    assert values(made(mixed.manifest, look_up=True), instances) == WANTED


def test_gaps_are_their_inputs_number(mixed: Artifact) -> None:
    """NaN, or the code of a missing category, beside rows without any."""
    for look_up in (False, True):
        found = values(made(mixed.manifest, look_up=look_up), [[1.5, True, "Bonn"], [None] * 3])
        np.testing.assert_array_equal(found, [[1.5, 1, 0], [np.nan, np.nan, 4]])


def test_texts_beyond_so_many_are_looked_up_by_the_first_too(
    mixed: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each input counts its own."""
    assert not made(mixed.manifest).looks_up
    monkeypatch.setattr(typed, "MOST_CODES", 2)
    reader = made(mixed.manifest)
    assert reader.looks_up
    assert values(reader, [KNOWN, KNOWN | {"city": "Bonn "}]) == WANTED
    with pytest.raises(ValueError, match="Invalid enum value"):
        values(reader, [KNOWN, NEW])


def test_a_truth_without_texts_is_true_or_false(mixed: Artifact) -> None:
    """Or missing; whoever looks up takes a blank for that too."""
    number, truth, _ = mixed.manifest.inputs
    inputs = (number, truth.model_copy(update={"texts": {}}))
    manifest = mixed.manifest.model_copy(update={"inputs": inputs})
    assert values(made(manifest), [[1, True], [1, False]]) == [[1, 1], [1, 0]]
    with pytest.raises(ValueError, match="Expected"):
        values(made(manifest), [[1, ""]])
    np.testing.assert_array_equal(values(made(manifest, look_up=True), [[1, ""]]), [[1, np.nan]])


@pytest.mark.parametrize("text", ['a "b"', "c\\d", "é\n", "\x7f 🦆"])
def test_texts_of_any_characters_are_known(mixed: Artifact, text: str) -> None:
    """Escaped or not."""
    city = mixed.manifest.inputs[2].model_copy(update={"categories": (text,), "rare": ()})
    manifest = mixed.manifest.model_copy(update={"inputs": (city,)})
    for ascii_only in (True, False):
        body = json.dumps({"instances": [[text]]}, ensure_ascii=ascii_only).encode()
        assert made(manifest).read(body)[1] == struct.pack("<f", 0)


def test_categories_of_integers_are_known_by_number(mixed: Artifact) -> None:
    """As a whole number with a point they are looked up; a new one is taken there."""
    city = mixed.manifest.inputs[2]
    assert isinstance(city, Categorical)
    digits = city.model_copy(update={"categories": tuple(range(len(city.categories))), "rare": (30,)})
    manifest = mixed.manifest.model_copy(update={"inputs": (*mixed.manifest.inputs[:2], digits)})
    rare, unseen = (float(len(city.categories) + more) for more in (0, 1))
    assert values(made(manifest), [[1, True, 1], [1, True, 30]]) == [[1, 1, 1], [1, 1, rare]]
    for cell in (1.0, 77, True, "1"):
        with pytest.raises(ValueError, match=r"Invalid enum value|Expected"):
            values(made(manifest), [[1, True, cell]])
    found = values(made(manifest, look_up=True), [[1, True, 1.0], [1, True, 77]])
    assert found == [[1, 1, 1], [1, 1, unseen]]


@pytest.mark.parametrize(
    "instances",
    [
        [[1.5, True]],
        [[1.5, True, "Bonn", 1]],
        [[1.5, True, "Bonn"], [1.5, True]],
        [KNOWN | {"ctiy": "Bonn"}],
        [KNOWN | {"id": []}],
        [{"width (mm)": 1, "geprüft": True}],
        [[1.5, True, 3]],
        [[True, True, "Bonn"]],
        [[1.5, 1, "Bonn"]],
        [[1.5, "perhaps", "Bonn"]],
        [1, 2, 3],
        [],
        [KNOWN] * (MAX_ROWS + 1),
    ],
    ids=repr,
)
def test_what_is_not_good_is_left_to_others(mixed: Artifact, instances: list[Any]) -> None:
    """And what is good, but rare."""
    for look_up in (False, True):
        with pytest.raises(ValueError):  # noqa: PT011 - the caller looks at no more either
            values(made(mixed.manifest, look_up=look_up), instances)


@given(data=st.data())
def test_what_is_read_is_what_sifting_reads(mixed: Artifact, data: st.DataObject) -> None:
    """To the bit; and whoever looks up takes all rows of one that does not."""
    row = st.tuples(*CELLS) | st.lists(VALUES, max_size=4)
    named = st.fixed_dictionaries(dict(zip(KNOWN, CELLS, strict=True)), optional={"sold": VALUES})
    body = json.dumps({"instances": data.draw(st.lists(row | named, min_size=1, max_size=MAX_ROWS))})
    wanted, verdicts = Rows(mixed.manifest).sift(json.loads(body)["instances"])
    found = []
    for look_up in (True, False):
        try:
            found.append(made(mixed.manifest, look_up=look_up).read(body.encode())[1])
        except (ValueError, OverflowError):
            continue
        assert not any(verdicts)
        assert found[-1] == wanted.tobytes()
    assert len(set(found)) <= 1


def test_float32_holds_what_is_read(tiny: Artifact) -> None:
    """Or it overflows."""
    reader = made(tiny.manifest)
    body = b'{"instances": [[%a, %a]]}'
    assert reader.read(body % (FLOAT32_MAX, -FLOAT32_MAX))[1] == struct.pack("<2f", FLOAT32_MAX, -FLOAT32_MAX)
    with pytest.raises(OverflowError):
        reader.read(body % (1, 1e39))


@pytest.mark.parametrize(
    "names",
    [['a "b"', "c\\d"], [f"input {number}" for number in range(MOST_NAMED)]],
    ids=["escaped", "many"],
)
def test_names_that_the_parser_does_not_know_are_left_to_others(tiny: Artifact, names: list[str]) -> None:
    """Rows by position are read all the same."""
    inputs = tuple(tiny.manifest.inputs[0].model_copy(update={"name": name}) for name in names)
    manifest = tiny.manifest.model_copy(update={"inputs": inputs})
    row = list(range(len(names)))
    assert values(made(manifest), [row]) == [row]
    with pytest.raises(ValueError, match="Expected `array`"):
        values(made(manifest), [dict(zip(names, row, strict=True))])


def test_a_lone_input_may_come_by_name(mixed: Artifact) -> None:
    """As a column of one."""
    manifest = mixed.manifest.model_copy(update={"inputs": mixed.manifest.inputs[2:]})
    assert values(made(manifest), [{"city": "Bonn"}, {"city": "Aue"}]) == [[0], [2]]


def test_what_a_request_says_is_read_with_its_rows(tiny: Artifact) -> None:
    """An id beyond 64 bits is left to others."""
    document = {"instances": [[1, 2]], "explain": True, "on_error": "report", "report_unseen": True}
    request, _ = made(tiny.manifest).read(json.dumps(document | {"id": "mine"}).encode())
    assert (request.id, request.explain, request.on_error, request.report_unseen) == (
        "mine",
        True,
        "report",
        True,
    )
    for wrong in (
        {"id": 2**63},
        {"id": "x" * 129},
        {"id": 5.0},
        {"explain": 1},
        {"on_error": "no"},
        {"x": 1},
    ):
        with pytest.raises(ValueError, match=r"Expected|Invalid enum value|unknown field"):
            made(tiny.manifest).read(json.dumps(document | wrong).encode())
