"""Cells as numbers: what each kind takes, what it refuses, and that all ways agree."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.cells import NOT_ADMITTED
from models.encode import CellError, Encoder, by_column
from models.inputs import Input, Missing
from models.manifest import Manifest

CELLS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**400), 10**400)
    | st.floats()
    | st.sampled_from(["Bonn", " Bonn ", "Aue", "Ulm, alt", "ja", "NEIN ", "", "  ", "new"])
    | st.text(max_size=3)
    | st.lists(st.none(), max_size=1)
)
GOOD = st.tuples(
    st.none() | st.floats(-1e30, 1e30) | st.integers(-(10**20), 10**20),
    st.none() | st.booleans() | st.sampled_from(["ja", "nein", "Ja", " NEIN", ""]),
    st.none() | st.sampled_from(["Bonn", "Ulm, alt", "Aue", "Zug", "elsewhere", " Bonn", ""]),
)
WHOLE = Missing(admitted=False, imputed_by=None)


def frozen_inputs() -> tuple[Input, ...]:
    """A number, a truth and a category, each with gaps."""
    return Manifest.from_json(Path(__file__).with_name("manifest.v2.json").read_bytes()).inputs


def integers(**fields: object) -> Input:
    """A category of integers: 10 and 20, and 30, which is rare."""
    city = frozen_inputs()[2]
    return city.model_copy(update={"categories": (10, 20), "rare": (30,), **fields})


def encoded(item: Input, *cells: Any) -> list[float]:
    """Return the numbers of one input's cells."""
    found: list[float] = Encoder([item]).encode([cells])[:, 0].tolist()
    return found


def refusal(item: Input, cell: Any) -> str:
    """Return why a cell is refused, alone and as the last of two rows."""
    with pytest.raises(CellError) as caught:
        Encoder([item]).encode([[cell]])
    return str(caught.value)


def test_numbers_are_themselves_and_missing_ones_nan() -> None:
    """Integers too."""
    found = encoded(frozen_inputs()[0], 1.5, 2, None, -0.0)
    assert found[:2] == [1.5, 2.0]
    assert math.isnan(found[2])
    assert math.copysign(1, found[3]) == -1


def test_truths_are_also_taken_as_their_texts() -> None:
    """In any case, with blanks around them; an empty text is missing."""
    found = encoded(frozen_inputs()[1], True, False, "ja", "NEIN", " Ja ", None, "", " ")
    assert found[:5] == [1, 0, 1, 0, 1]
    assert all(map(math.isnan, found[5:]))


def test_categories_have_places_and_the_others_the_places_after() -> None:
    """In order, then rare, unseen and missing ones."""
    cells = ("Bonn", "Ulm, alt", "Aue", "Zug", "elsewhere", "bonn", None, "", " ", " Bonn ")
    assert encoded(frozen_inputs()[2], *cells) == [0, 1, 2, 2, 3, 3, 4, 4, 4, 0]


def test_categories_of_integers_take_numbers() -> None:
    """A whole one that is not known is unseen, however large."""
    assert encoded(integers(), 10, 20.0, 30, 40, -5.0, 10**400, 1e300, None) == [0, 1, 2, 3, 3, 3, 3, 4]


@pytest.mark.parametrize(
    ("item", "cell", "why"),
    [
        (frozen_inputs()[0], "1", "not a number"),
        (frozen_inputs()[0], True, "not a number"),
        (frozen_inputs()[0], math.inf, "not a finite number"),
        (frozen_inputs()[0], 1e39, "too large for float32"),
        (frozen_inputs()[0], -(10**400), "too large for float32"),
        (frozen_inputs()[1], 1, "wanted true, false, 'ja', 'nein'"),
        (frozen_inputs()[1], "perhaps", "wanted true, false, 'ja', 'nein', not 'perhaps'"),
        (frozen_inputs()[1], "x" * 99, f"wanted true, false, 'ja', 'nein', not '{'x' * 39}"),
        (frozen_inputs()[2], 7, "wanted a text"),
        (frozen_inputs()[2], True, "wanted a text"),
        (frozen_inputs()[2], [], "wanted a text"),
        (integers(), "10", "wanted an integer"),
        (integers(), True, "wanted an integer"),
        (integers(), 1.5, "wanted an integer, not 1.5"),
        (integers(), math.inf, "wanted an integer, not inf"),
        (integers(), math.nan, "wanted an integer, not nan"),
        *((each.model_copy(update={"missing": WHOLE}), None, NOT_ADMITTED) for each in frozen_inputs()),
        *((each.model_copy(update={"missing": WHOLE}), " ", NOT_ADMITTED) for each in frozen_inputs()[1:]),
        (integers(missing=WHOLE), None, NOT_ADMITTED),
    ],
    ids=repr,
)
def test_what_an_input_does_not_take_is_refused_with_its_reason(item: Input, cell: Any, why: str) -> None:
    """One reason each, which says what was wanted."""
    assert refusal(item, cell) == why


def test_the_place_is_the_rows_and_the_inputs() -> None:
    """Of the first input that has a wrong cell, its first."""
    encoder = Encoder(frozen_inputs())
    with pytest.raises(CellError) as caught:
        encoder.encode([[1, 2, 1e39], [True, "?", "?"], ["Bonn", "Bonn", 3]])
    assert caught.value.place == 1 * 3 + 1
    with pytest.raises(CellError) as caught:
        encoder.encode([[1, 2, 1e39], [True] * 3, ["Bonn"] * 3])
    assert caught.value.place == 2 * 3 + 0
    with pytest.raises(CellError) as caught:
        encoder.encode_rows([[1, True, 3]])
    assert caught.value.place == 2


@given(st.lists(GOOD, min_size=1, max_size=8))
def test_a_row_is_the_same_alone_and_among_others(rows: list[tuple[Any, ...]]) -> None:
    """And when it is looked at one by one."""
    encoder = Encoder(frozen_inputs())
    together = encoder.encode(by_column(rows))
    assert together.dtype == np.float32
    assert together.flags.c_contiguous
    alone = np.concatenate([encoder.encode_rows([row]) for row in rows])
    np.testing.assert_array_equal(together, alone)
    sifted, wrong = encoder.sift(rows)
    assert wrong == {}
    np.testing.assert_array_equal(together, sifted)


@given(st.lists(st.tuples(CELLS, CELLS, CELLS) | GOOD, min_size=1, max_size=8))
def test_sifting_takes_and_refuses_what_encoding_each_row_does(rows: list[tuple[Any, ...]]) -> None:
    """With the same reason; but NaN, which encoding takes for a gap, is refused."""
    encoder = Encoder(frozen_inputs())
    values, wrong = encoder.sift(rows)
    for number, row in enumerate(rows):
        told = wrong.get(number)
        if isinstance(row[0], float) and math.isnan(row[0]):
            assert told is not None
            assert (told.place, str(told)) == (0, "not a finite number")
            continue
        if told is None:
            np.testing.assert_array_equal(values[number], encoder.encode_rows([row])[0])
            continue
        with pytest.raises(CellError) as caught:
            encoder.encode_rows([row])
        # Of the first wrong cell; encoding finds a number that is too large after what is of a wrong kind.
        assert told.place <= caught.value.place
        assert str(told) == refusal(frozen_inputs()[told.place], row[told.place])


def test_unseen_categories_are_named_and_counted() -> None:
    """By input; neither rare nor missing ones are unseen."""
    inputs = (*frozen_inputs(), integers(name="zip"))
    encoder = Encoder(inputs)
    rows = encoder.encode(
        by_column([(1, True, "Bonn", 10), (1, True, "new", 11), (1, True, "Aue", 12), (3, None, None, None)])
    )
    assert encoder.unseen(rows) == [[], ["city", "zip"], ["zip"], []]
    assert encoder.count_unseen(rows) == {"city": 1, "zip": 2}
    numbers = Encoder(inputs[:1])
    assert numbers.unseen(rows[:, :1]) == [[]] * 4
    assert numbers.count_unseen(rows[:, :1]) == {}
