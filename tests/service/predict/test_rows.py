"""Rows one by one: packed for the model, or told what is wrong with them."""

import struct
from typing import Any

import numpy as np
import pytest

from models.artifact import Artifact
from models.manifest import Manifest
from service.predict.codec import PredictCodec
from service.predict.rows import LONGEST_MISSPELLING, MAX_SUGGESTIONS, Problem, Rows, Wrong
from service.predict.schema import FLOAT32_MAX
from tests.service.predict.documents import decode, names


def test_a_row_by_position_or_by_name_is_packed_as_float32(codec: PredictCodec, manifest: Manifest) -> None:
    """Both forms give the same bytes, in the inputs' order."""
    wanted = struct.pack("<6f", 1, 2.5, -3, 4, 5, 6)
    assert decode(codec, {"instances": [[1, 2.5, -3], [4, 5, 6]]}).payload == wanted
    named = dict(reversed(list(zip(names(manifest), [4, 5, 6], strict=True))))
    call = decode(codec, {"instances": [[1, 2.5, -3], named], "id": "mine", "explain": True})
    assert (call.payload, call.rows, call.id, call.explain) == (wanted, 2, "mine", True)


def only(rows: Rows, instance: Any) -> Wrong:
    """Return what is wrong with a lone row."""
    values, [verdict] = rows.sift([instance])
    assert verdict is not None
    assert values.shape[0] == 0
    return verdict


def test_a_row_is_told_of_all_its_names_and_of_five_by_name(tiny: Artifact) -> None:
    """Those that are not known first; the others are counted."""
    names = [f"input {number}" for number in range(9)]
    inputs = tuple(tiny.manifest.inputs[0].model_copy(update={"name": name}) for name in names)
    rows = Rows(tiny.manifest.model_copy(update={"inputs": inputs}))
    wrong = only(rows, {"inputs 3": 1, "other": 2} | dict.fromkeys(names[4:], 0.0))
    assert wrong.total == 6
    assert [str(problem) for problem in wrong.problems] == [
        'input "inputs 3": no such input; did you mean "input 3"?',
        'input "other": no such input',
        *(f'input "{name}": missing' for name in names[:3]),
    ]


@pytest.mark.parametrize("length", [LONGEST_MISSPELLING, LONGEST_MISSPELLING + 1])
def test_a_suggestion_is_made_where_it_is_quick(tiny: Artifact, length: int) -> None:
    """Not for a very long name, and for the first wrong rows alone."""
    name = "x" * length
    inputs = (tiny.manifest.inputs[0].model_copy(update={"name": name}),)
    rows = Rows(tiny.manifest.model_copy(update={"inputs": inputs}))
    _, verdicts = rows.sift([{name: 1}, *[{name[1:] + "y": 1}] * (MAX_SUGGESTIONS + 2)])
    suggested = ["did you mean" in str(verdict.problems[0]) for verdict in verdicts if verdict]
    short = length == LONGEST_MISSPELLING
    assert suggested == [short] * MAX_SUGGESTIONS + [False] * 2


def test_the_first_value_that_float32_cannot_hold_is_named(tiny: Artifact) -> None:
    """The largest that it can hold is none."""
    rows = Rows(tiny.manifest)
    values, [verdict] = rows.sift([[FLOAT32_MAX, -FLOAT32_MAX]])
    assert (values.tolist(), verdict) == ([[FLOAT32_MAX, -FLOAT32_MAX]], None)
    too_large = Problem("too large for float32", "Höhe", "range")
    assert only(rows, [1.0, 1e39]) == Wrong(1, [too_large])
    assert only(rows, {"Höhe": -1e39, "width (mm)": 1}) == Wrong(1, [too_large])


def test_sifting_keeps_the_good_rows_in_order(mixed: Artifact) -> None:
    """Each wrong one has its reason, the first of its row."""
    rows = Rows(mixed.manifest)
    bad: list[Any] = [[1, 2, 3], {"city": 1}, 7, [float("nan"), None, None], [None, "perhaps", None]]
    values, verdicts = rows.sift([[1, None, "Bonn"], *bad, [2, False, "Aue"]])
    np.testing.assert_array_equal(values, [[1, np.nan, 0], [2, 0, 2]])
    assert [verdict and str(verdict.problems[0]) for verdict in verdicts] == [
        None,
        "input \"gepr\\u00fcft\": wanted true, false, 'ja', 'nein'",
        'input "width (mm)": missing',
        "neither a list nor an object",
        'input "width (mm)": not a finite number',
        "input \"gepr\\u00fcft\": wanted true, false, 'ja', 'nein', not 'perhaps'",
        None,
    ]
