"""Rows one by one: packed for the model, or told what is wrong with them."""

import struct

import pytest

from models.artifact import Artifact
from models.manifest import Manifest
from service.predict.codec import PredictCodec
from service.predict.rows import LONGEST_MISSPELLING, Problem, Rows, Wrong
from service.predict.schema import FLOAT32_MAX
from tests.service.predict.documents import decode, names


def test_a_row_by_position_or_by_name_is_packed_as_float32(codec: PredictCodec, manifest: Manifest) -> None:
    """Both forms give the same bytes, in the inputs' order."""
    wanted = struct.pack("<6f", 1, 2.5, -3, 4, 5, 6)
    assert decode(codec, {"instances": [[1, 2.5, -3], [4, 5, 6]]}).payload == wanted
    named = dict(reversed(list(zip(names(manifest), [4, 5, 6], strict=True))))
    call = decode(codec, {"instances": [[1, 2.5, -3], named], "id": "mine", "explain": True})
    assert (call.payload, call.rows, call.id, call.explain) == (wanted, 2, "mine", True)


def test_a_row_is_told_of_all_its_names_and_of_five_by_name(tiny: Artifact) -> None:
    """Those that are not known first; the others are counted."""
    names = [f"input {number}" for number in range(9)]
    inputs = tuple(tiny.manifest.inputs[0].model_copy(update={"name": name}) for name in names)
    rows = Rows(tiny.manifest.model_copy(update={"inputs": inputs}))
    wrong = rows.check({"inputs 3": 1, "other": 2} | dict.fromkeys(names[4:], 0.0), suggest=True)
    assert isinstance(wrong, Wrong)
    assert wrong.total == 6
    assert [str(problem) for problem in wrong.problems] == [
        'input "inputs 3": no such input; did you mean "input 3"?',
        'input "other": no such input',
        *(f'input "{name}": missing' for name in names[:3]),
    ]


@pytest.mark.parametrize(
    ("length", "suggest", "suggested"),
    [
        (LONGEST_MISSPELLING, True, True),
        (LONGEST_MISSPELLING, False, False),
        (LONGEST_MISSPELLING + 1, True, False),
    ],
)
def test_a_suggestion_is_made_where_it_is_quick(
    tiny: Artifact, length: int, *, suggest: bool, suggested: bool
) -> None:
    """Neither for a very long name, nor when it is not asked for."""
    name = "x" * length
    inputs = (tiny.manifest.inputs[0].model_copy(update={"name": name}),)
    wrong = Rows(tiny.manifest.model_copy(update={"inputs": inputs})).check(
        {name[1:] + "y": 1}, suggest=suggest
    )
    assert isinstance(wrong, Wrong)
    assert ("did you mean" in wrong.problems[0].reason) is suggested


def test_the_first_value_that_float32_cannot_hold_is_named(tiny: Artifact) -> None:
    """The largest that it can hold is packed."""
    rows = Rows(tiny.manifest)
    assert rows.check([FLOAT32_MAX, -FLOAT32_MAX], suggest=True) == struct.pack(
        "<2f", FLOAT32_MAX, -FLOAT32_MAX
    )
    too_large = Problem("too large for float32", "Höhe")
    assert rows.check([1.0, 1e39], suggest=True) == Wrong(1, [too_large])
    assert rows.check({"Höhe": -1e39, "width (mm)": 1}, suggest=True) == Wrong(1, [too_large])
