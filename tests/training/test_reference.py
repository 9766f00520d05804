"""What the manifest says of each input: from the train rows alone, but for what is admitted."""

import numpy as np
import pytest

from models.inputs import Categorical, Numeric
from training import reference
from training.columns import MISSING, Categories, Numbers, Truths

TRAIN = np.arange(100)


def test_a_gap_anywhere_is_admitted_and_imputed_from_train_rows() -> None:
    """The median of the train rows that have a value; without a gap null is not taken."""
    values = np.arange(120.0)
    values[110] = np.nan
    gap, whole = reference.inputs([Numbers("a", values), Numbers("b", np.arange(120.0))], TRAIN, {"b": "mm"})
    assert (gap.missing.admitted, gap.missing.imputed_by) == (True, 49.5)
    assert (whole.missing.admitted, whole.missing.imputed_by, whole.unit) == (False, None, "mm")
    assert isinstance(gap, Numeric)
    assert (gap.reference.min, gap.reference.max, gap.reference.rows, gap.reference.missing) == (
        0,
        99,
        100,
        0,
    )


@pytest.mark.parametrize(
    ("values", "bins"),
    [
        (np.arange(100.0), 10),
        (np.repeat([1.0, 2.0, 3.0], 40), 2),
        (np.zeros(100), None),
        (np.ones(100) * 7, None),
    ],
)
def test_bins_hold_shares_of_the_train_rows(values: np.ndarray, bins: int | None) -> None:
    """Ten at most, fewer with ties, none of a constant; the shares sum to 1."""
    [found] = reference.inputs([Numbers("a", values)], TRAIN, {})
    assert isinstance(found, Numeric)
    if bins is None:
        assert found.reference.bins is None
    else:
        assert found.reference.bins is not None
        assert len(found.reference.bins.shares) == bins
        assert sum(found.reference.bins.shares) == pytest.approx(1)


def test_a_category_needs_ten_train_rows() -> None:
    """The others are rare; one that train has none of is not known at all."""
    codes = np.array([0] * 60 + [1] * 10 + [2] * 9 + [3] * 21 + [4] * 20)
    [found] = reference.inputs([Categories("c", ("a", "b", "c", "d", "e"), codes)], TRAIN, {})
    assert isinstance(found, Categorical)
    assert (found.categories, found.rare) == (("a", "b", "d"), ("c",))
    assert found.reference.shares == (0.6, 0.1, 0.21)
    assert found.reference.rare == pytest.approx(0.09)
    assert not found.missing.admitted


@pytest.mark.parametrize(("rows", "doubted"), [(10, False), (9, True)])
def test_a_column_whose_categories_are_all_rare_in_train_is_doubted(rows: int, *, doubted: bool) -> None:
    """Whatever other rows hold; a number and a truth have no categories."""
    codes = np.array([MISSING] * (100 - rows) + [1] * rows + [1] * 20)
    codes[:9] = 0
    columns = [Categories("a b", ("v", "w"), codes), Numbers("n", np.arange(120.0))]
    said = reference.doubts(reference.inputs(columns, TRAIN, {}))
    says = (
        "a b: none of its 2 texts has 10 train rows, so all weigh the same; --leave-out 'a b' leaves it out"
    )
    assert said == [says] * doubted


def test_a_hundred_categories_have_a_place() -> None:
    """The commonest; integers stay integers."""
    codes = np.concatenate([np.repeat(np.arange(110), 10), np.repeat(np.arange(100), 1)])
    column = Categories("c", tuple(range(110)), codes)
    [found] = reference.inputs([column], np.arange(len(codes)), {})
    assert isinstance(found, Categorical)
    assert found.categories == tuple(range(100))
    assert found.rare == tuple(range(100, 110))


def test_truths_are_imputed_by_the_commoner() -> None:
    """And their shares add up with what is missing."""
    codes = np.array([1] * 50 + [0] * 30 + [MISSING] * 20, np.int8)
    [found] = reference.inputs([Truths("t", codes, {"yes": True, "no": False})], TRAIN, {})
    assert found.missing.imputed_by is True
    assert (found.reference.true, found.reference.false, found.reference.missing) == (0.5, 0.3, 0.2)
