"""Bands without an answer."""

import numpy as np
import pytest

from models.decision import Decision
from training.abstain import by_risk, given, parse
from training.binomial import upper_bound
from training.errors import SettingError


def sample(generator: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities that promise too much, and the rows' classes."""
    logits = generator.normal(0, 2, rows)
    y = (generator.random(rows) < 1 / (1 + np.exp(-logits))).astype(np.int64)
    last = 1 / (1 + np.exp(-1.5 * logits))
    return np.stack([1 - last, last], 1), y


def accepted_error(p: np.ndarray, y: np.ndarray, decision: Decision) -> tuple[int, int]:
    """Return how many of the answered rows are wrong, and how many they are."""
    answered = decision.accepts_array(p)
    return int((decision.of_array(p) != y)[answered].sum()), int(answered.sum())


def test_a_band_is_read_as_the_classes_need_it() -> None:
    """Two ends for two classes, one for more."""
    assert parse("0.4:0.6", 2) == (0.4, 0.6)
    assert parse("0.6", 3) == (0.0, 0.6)


@pytest.mark.parametrize(
    ("text", "classes"),
    [
        *((text, 2) for text in ("0.6", "0.6:0.4", "0.5:0.5", "0.4:1.1", "a:b", "0.1:0.2:0.3", "nan:1")),
        *((text, 3) for text in ("0.4:0.6", "0", "1.1", "x")),
    ],
)
def test_another_form_is_refused(text: str, classes: int) -> None:
    """With the one that was wanted."""
    with pytest.raises(ValueError, match="0.4:0.6" if classes == 2 else "0.6, from 0 to 1"):
        parse(text, classes)


def test_a_given_band_contains_the_threshold() -> None:
    """One that does not would leave answers on both of its sides alike."""
    band = given("0.4:0.6", 2, 0.6)
    assert (band.low, band.high, band.rule) == (0.4, 0.6, "given")
    with pytest.raises(SettingError, match=r"--abstain=0\.4:0.6: wanted a band around the threshold, 0.7"):
        given("0.4:0.6", 2, 0.7)
    assert given("0.4", 3, 0.5).high == 0.4


@pytest.mark.parametrize("threshold", [0.0, 0.2, 0.5, 1.0])
def test_a_chosen_band_keeps_its_bound_on_its_rows(threshold: float) -> None:
    """The band contains the threshold, and the risk bounds what is answered as the decision counts it."""
    p, y = sample(np.random.default_rng(0), 4_000)
    right = Decision(2, threshold).of_array(p) == y
    band = by_risk(0.25, p[:, 1], right, threshold)
    assert band.low <= threshold <= band.high
    assert band.rule == "risk:0.25"
    wrong, answered = accepted_error(p, y, Decision(2, threshold, band=(band.low, band.high)))
    assert upper_bound(wrong, answered) <= 0.25
    assert answered > 500


def test_the_risk_is_held() -> None:
    """Of 400 choices on fresh rows, at most about 5 % answer with more risk than was asked for."""
    generator = np.random.default_rng(0)
    many, truth = sample(generator, 200_000)
    broken = chosen = 0
    for _ in range(400):
        p, y = sample(generator, 500)
        try:
            band = by_risk(0.08, p[:, 1], (p[:, 1] >= 0.5) == y, 0.5)
        except SettingError:
            continue
        chosen += 1
        wrong, answered = accepted_error(many, truth, Decision(2, 0.5, band=(band.low, band.high)))
        broken += wrong > 0.08 * answered
    assert chosen > 200
    assert broken <= 0.05 * 400


def test_more_classes_abstain_by_their_largest_probability() -> None:
    """The band ends where the error of what is surer is bounded."""
    generator = np.random.default_rng(0)
    p = generator.dirichlet([0.3, 0.3, 0.3], 3_000)
    y = np.array([generator.choice(3, p=row) for row in p])
    band = by_risk(0.1, p.max(1), p.argmax(1) == y, None)
    wrong, answered = accepted_error(p, y, Decision(3, 0.5, band=(band.low, band.high)))
    assert band.low == 0
    assert upper_bound(wrong, answered) <= 0.1
    assert 500 < answered < 3_000


@pytest.mark.parametrize("threshold", [0.5, None])
def test_without_an_error_everything_is_answered(threshold: float | None) -> None:
    """The band is empty."""
    band = by_risk(0.02, np.linspace(0.3, 1, 200), np.ones(200, np.bool_), threshold)
    assert band.low == band.high == (threshold or 0)


def test_too_few_rows_are_told_how_many_it_takes() -> None:
    """Without an error 149 rows bound the risk at 2 %, and 148 do not."""
    told, right = np.linspace(0, 1, 149), np.ones(149, np.bool_)
    assert by_risk(0.02, told, right, 0.5).rule == "risk:0.02"
    with pytest.raises(
        SettingError,
        match=r"--abstain-risk=0\.02: takes 149 validation rows of its own without an error, and had 148",
    ):
        by_risk(0.02, told[1:], right[1:], 0.5)


def test_an_error_among_the_surest_is_told() -> None:
    """With how many were wrong, and what that bounds."""
    told, right = np.linspace(0.5, 1, 200), np.ones(200, np.bool_)
    right[-1] = False
    with pytest.raises(SettingError, match=r"of the 149 surest rows 1 were answered wrong.*takes 149 rows"):
        by_risk(0.02, told, right, 0.5)
