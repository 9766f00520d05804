"""The rule by which a class is chosen."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.decision import Decision, logit_count

SHARES = st.floats(0, 1, width=32)


def test_the_label_follows_the_threshold() -> None:
    """The last of two classes is answered from the threshold on; of more, the most probable."""
    p = np.array([[0.75, 0.25], [0.5, 0.5], [0.25, 0.75]], np.float32)
    assert Decision(2, 0.5).of_array(p).tolist() == [0, 1, 1]
    assert Decision(2, 0.25).of_array(p).tolist() == [1, 1, 1]
    assert Decision(2, 0.8).of_array(p).tolist() == [0, 0, 0]
    assert Decision(3, 0.9).of_array(np.array([[0.4, 0.35, 0.25]])).tolist() == [0]


@given(st.lists(SHARES, min_size=1, max_size=20), SHARES)
def test_two_classes_are_told_apart_by_the_threshold(last: list[float], threshold: float) -> None:
    """At the threshold itself it is the last; in either form of rows."""
    decision = Decision(2, threshold)
    rows = [(1 - share, share) for share in last]
    wanted = [int(share >= threshold) for share in last]
    assert [decision.of_row(row) for row in rows] == wanted
    assert decision.of_array(np.array(rows, np.float32)).tolist() == wanted


@given(st.integers(3, 6).flatmap(lambda k: st.lists(st.lists(SHARES, min_size=k, max_size=k), min_size=1)))
def test_of_more_the_most_probable_is_the_answer(rows: list[list[float]]) -> None:
    """The first of equals, whatever the threshold."""
    decision = Decision(len(rows[0]), 0.9)
    wanted = [row.index(max(row)) for row in rows]
    assert [decision.of_row(row) for row in rows] == wanted
    assert decision.of_array(np.array(rows, np.float32)).tolist() == wanted


@st.composite
def rules(draw: st.DrawFn) -> Decision:
    """A rule of any kind."""
    classes = draw(st.integers(2, 4))
    low, threshold, high = sorted(draw(st.lists(st.floats(0, 1), min_size=3, max_size=3)))
    band = draw(st.none() | st.just((low if classes == 2 else 0.0, high)))
    return Decision(classes, threshold, draw(st.integers(0, 1)) if classes == 2 else None, band)


@given(rules(), st.data())
def test_arrays_are_decided_as_their_rows(decision: Decision, data: st.DataObject) -> None:
    """Label and acceptance, for each positive class and band."""
    k = 2 if decision._binary else 3
    rows = data.draw(st.lists(st.lists(SHARES, min_size=k, max_size=k), min_size=1, max_size=20))
    array = np.array(rows, np.float32)
    assert decision.of_array(array).tolist() == [decision.of_row(row) for row in rows]
    assert decision.accepts_array(array).tolist() == [decision.accepts(row) for row in rows]


def test_the_threshold_is_of_the_positive_class() -> None:
    """Which may be the first of the labels."""
    rows = [(0.3, 0.7), (0.2, 0.8), (0.19, 0.81)]
    assert [Decision(2, 0.2, positive=0).of_row(row) for row in rows] == [0, 0, 1]
    assert [Decision(2, 0.2, positive=1).of_row(row) for row in rows] == [1, 1, 1]
    assert [Decision(2, 0.2).of_row(row) for row in rows] == [1, 1, 1]


def test_nothing_is_answered_within_the_band() -> None:
    """From its lower edge on and below its upper one; of more classes by the largest probability."""
    positive_last = Decision(2, 0.5, band=(0.4, 0.6))
    assert positive_last.abstains
    shares = (0.39, 0.4, 0.5, 0.59, 0.6)
    assert [positive_last.accepts((1 - share, share)) for share in shares] == [
        True,
        False,
        False,
        False,
        True,
    ]
    positive_first = Decision(2, 0.2, positive=0, band=(0.1, 0.3))
    assert [positive_first.accepts((share, 1 - share)) for share in (0.05, 0.2, 0.3)] == [True, False, True]
    of_three = Decision(3, 0.5, band=(0, 0.6))
    assert [of_three.accepts(row) for row in ((0.6, 0.4, 0), (0.5, 0.3, 0.2))] == [True, False]
    assert not Decision(2, 0.5).abstains
    assert Decision(2, 0.5).accepts((0.5, 0.5))


def test_a_threshold_between_two_float32_is_not_rounded() -> None:
    """0.1 is no float32: the one below it is not over it."""
    below = float(np.nextafter(np.float32(0.1), np.float32(0)))
    decision = Decision(2, 0.1)
    assert below < 0.1 < float(np.float32(0.1))
    for share, wanted in ((below, 0), (float(np.float32(0.1)), 1)):
        assert decision.of_row((1 - share, share)) == wanted
        assert decision.of_array(np.array([[1 - share, share]], np.float32)).tolist() == [wanted]


@pytest.mark.parametrize(("classes", "logits"), [(2, 1), (3, 3), (10, 10)])
def test_two_classes_share_one_logit(classes: int, logits: int) -> None:
    """And more have one each."""
    assert logit_count(classes) == logits


@given(st.lists(SHARES, min_size=1, max_size=20), SHARES, st.sampled_from([0, 1]))
def test_the_positive_class_may_be_the_first(last: list[float], threshold: float, positive: int) -> None:
    """Whichever it is, the threshold speaks of it, in either form of rows."""
    decision = Decision(2, threshold, positive)
    rows = [(1 - share, share) for share in last]
    wanted = [positive if row[positive] >= threshold else 1 - positive for row in rows]
    assert decision.positive == positive
    assert [decision.of_row(row) for row in rows] == wanted
    assert decision.of_array(np.array(rows)).tolist() == wanted


@given(st.lists(SHARES, min_size=1, max_size=20), SHARES, SHARES)
def test_a_band_is_answered_by_nothing(last: list[float], low: float, high: float) -> None:
    """From its lower end on and below its upper one; without a band every row is answered."""
    rows = [(1 - share, share) for share in last]
    two, more = Decision(2, 0.5, 1, (low, high)), Decision(3, 0.5, band=(0.0, high))
    wanted = [not low <= share < high for share in last]
    assert [two.accepts(row) for row in rows] == wanted
    assert two.accepts_array(np.array(rows)).tolist() == wanted
    wide = [(*row, 0.0) for row in rows]
    assert [more.accepts(row) for row in wide] == more.accepts_array(np.array(wide)).tolist()
    assert [more.accepts(row) for row in wide] == [max(row) >= high for row in wide]
    assert (two.abstains, Decision(2, 0.5).abstains) == (True, False)
    assert Decision(2, 0.5).accepts_array(np.array(rows)).all()
