"""The rules for a threshold against brute force."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from models.decision import Decision
from training.errors import SettingError
from training.thresholds import Rule, choose, parse

SCORES = st.one_of(st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.floats(0, 1, width=32))
ROWS = st.lists(st.tuples(SCORES, st.booleans()), max_size=30).map(
    lambda rows: tuple(map(np.array, zip(*rows, (0.3, True), (0.4, False), strict=True)))
)
RULES = ["f1", "cost:10", "cost:0.3", "precision:0.7", "precision:0.5", "recall:0.7", "recall:1"]


def outcomes(scores: np.ndarray, positive: np.ndarray, threshold: float) -> tuple[int, int]:
    """Return true and false positives as the served decision counts them."""
    answers = Decision(2, threshold).of_array(np.stack([1 - scores, scores], 1)) == 1
    return int((answers & positive).sum()), int((answers & ~positive).sum())


def worth(rule: Rule, true: int, false: int, positives: int) -> tuple[float, ...] | None:
    """Return what the rule prefers more of, or None where it is not fulfilled."""
    if rule.kind == "f1":
        return (2 * true / (true + false + positives),)
    if rule.kind == "cost":
        return (-rule.amount * (positives - true) - false,)
    if rule.kind == "recall":
        return (-true - false,) if true / positives >= rule.amount else None
    return (true, -false) if true + false and true / (true + false) >= rule.amount else None


@pytest.mark.parametrize("text", RULES)
@given(ROWS)
def test_no_other_cut_is_better(text: str, rows: tuple[np.ndarray, np.ndarray]) -> None:
    """Each possible cut is tried: none is better by the rule, and where none will do, that is said."""
    scores, positive = rows
    rule = parse(text)
    assert isinstance(rule, Rule)
    # A score as threshold gives each cut; 1 the one that only certain rows pass.
    cuts = [outcomes(scores, positive, cut) for cut in [*scores.tolist(), 1.0]]
    worths = [found for cut in cuts if (found := worth(rule, *cut, int(positive.sum()))) is not None]
    if not worths:
        with pytest.raises(SettingError, match="the best precision"):
            choose(rule, scores, positive)
        return
    threshold = choose(rule, scores, positive)
    assert 0 <= threshold <= 1
    found = worth(rule, *outcomes(scores, positive, threshold), int(positive.sum()))
    assert found == pytest.approx(max(worths))


@given(ROWS)
def test_a_threshold_is_halfway_between_its_neighbours(rows: tuple[np.ndarray, np.ndarray]) -> None:
    """The scores beside it, or 0 and 1 where there are none, are equally far."""
    scores, positive = rows
    threshold = choose(Rule("f1", 1, "f1"), scores, positive)
    below, above = scores[scores < threshold], scores[scores >= threshold]
    assume(len(above) > 0)
    assert threshold == pytest.approx((below.max(initial=0) + above.min()) / 2, abs=1e-15)


def test_of_equally_good_cuts_the_middle_one_is_taken() -> None:
    """Three cuts have the same cost."""
    scores = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4])
    positive = np.array([True, False, True, False, True, False])
    # After the first, third and fifth row: two misses, then a miss and an alarm, then two alarms.
    assert choose(Rule("cost", 1, "cost:1"), scores, positive) == pytest.approx(0.65)


def test_neighbours_in_float64_are_still_told_apart() -> None:
    """Their middle is rounded to one of them: it has to be the upper one."""
    low = 0.5
    high = float(np.nextafter(low, 1))
    threshold = choose(Rule("f1", 1, "f1"), np.array([low, high]), np.array([False, True]))
    assert low < threshold <= high


def test_what_cannot_be_reached_is_refused_with_the_best_that_was() -> None:
    """The message names the flag, the rule and the precision."""
    scores, positive = np.array([0.9, 0.8, 0.7]), np.array([False, True, True])
    with pytest.raises(SettingError) as refused:
        choose(Rule("precision", 0.9, "precision:0.9"), scores, positive)
    assert (
        str(refused.value) == "--threshold=precision:0.9: the best precision on 3 validation rows is 0.6667"
    )


@pytest.mark.parametrize("positive", [[], [True, True], [False]])
def test_one_class_alone_chooses_nothing(positive: list[bool]) -> None:
    """There is no rule without rows of both."""
    with pytest.raises(SettingError, match="wanted validation rows of both classes"):
        choose(Rule("f1", 1, "f1"), np.linspace(0, 1, len(positive)), np.array(positive, np.bool_))


def test_texts_are_numbers_or_rules() -> None:
    """As the help says."""
    assert [parse("0.37"), parse("0"), parse("1")] == [0.37, 0.0, 1.0]
    assert parse("f1") == Rule("f1", 1, "f1")
    assert parse("cost:10") == Rule("cost", 10, "cost:10")
    assert parse("precision:0.9") == Rule("precision", 0.9, "precision:0.9")
    assert parse("recall:1") == Rule("recall", 1, "recall:1")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "f2",
        "f1:2",
        "nan",
        "-0.1",
        "1.1",
        "cost",
        "cost:0",
        "cost:inf",
        "precision:1.1",
        "recall:0",
        "recall:x",
    ],
)
def test_other_texts_are_refused(text: str) -> None:
    """With what was wanted."""
    with pytest.raises(ValueError, match="wanted a probability, f1, cost:10"):
        parse(text)
