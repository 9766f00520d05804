"""Calibration, threshold and abstaining together."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.decision import Decision
from models.weights import probabilities
from training import folds
from training.decide import Decided, check, decide
from training.errors import SettingError
from training.options import DecisionOptions

TWO, THREE = ("no", "yes"), ("a", "b", "c")


def sample(rows: int, classes: int = 2, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return logits and classes drawn from them."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(0, 2, (rows, 1 if classes == 2 else classes))
    wide = np.pad(logits, ((0, 0), (1, 0))) if classes == 2 else logits
    return logits, (wide + generator.gumbel(size=wide.shape)).argmax(1)


def decided(rows: int = 400, classes: tuple[str, ...] = TWO, seed: int = 0, **options: object) -> Decided:
    return decide(
        DecisionOptions.model_validate(options), classes, *sample(rows, len(classes)), None, seed=seed
    )


def test_without_options_nothing_is_chosen() -> None:
    """The default: half, of the last class, no calibration, an answer for every row."""
    found = decided()
    assert (found.threshold.value, found.threshold.rule) == (0.5, "default")
    assert (found.positive, found.abstain, found.calibration.kind) == ("yes", None, "none")
    assert (found.slope, found.offset, found.chosen) == (1.0, 0.0, False)
    assert decided(classes=THREE).positive is None


def test_what_is_given_is_not_chosen() -> None:
    """A threshold and a band that were given leave the validation rows to be measured."""
    found = decided(threshold="0.37", abstain="0.3:0.6", positive="no")
    assert (found.threshold.value, found.threshold.rule, found.positive) == (0.37, "given", "no")
    assert found.abstain is not None
    assert (found.abstain.low, found.abstain.high, found.chosen) == (0.3, 0.6, False)


@pytest.mark.parametrize("options", [{"threshold": "f1"}, {"calibrate": "auto"}, {"abstain_risk": 0.3}])
def test_what_is_chosen_is_said(options: dict[str, object]) -> None:
    """Each choice uses up the validation rows, also one for nothing."""
    assert decided(**options).chosen


@given(st.integers(0, 99), st.sampled_from(TWO), st.sampled_from(["precision:0.8", "recall:0.9"]))
def test_the_promise_holds_on_the_rows_of_the_choice(seed: int, positive: str, rule: str) -> None:
    """Probabilities as they are served, by the decision that is served, reach precision or recall."""
    logits, y = sample(300, seed=seed)
    options = DecisionOptions(threshold=rule, positive=positive)
    found = decide(options, TWO, logits, y, None, seed=seed)
    index = TWO.index(positive)
    decision = Decision(2, found.threshold.value, index)
    answers = decision.of_array(probabilities(logits).astype(np.float32)) == index
    share = (y == index)[answers].mean() if rule.startswith("precision") else answers[y == index].mean()
    assert share >= float(rule.split(":")[1])
    assert found.threshold.rule == rule


def test_each_choice_has_rows_of_its_own() -> None:
    """Rows of another choice may say anything: neither calibration, threshold nor band would change."""
    logits, y = sample(900)
    options = DecisionOptions(calibrate="platt", threshold="f1", abstain_risk=0.2)
    before = decide(options, TWO, logits, y, None, seed=3)
    calibration, threshold, band = folds.deal(y, 3, 3)

    def turned(rows: np.ndarray) -> Decided:
        other = logits.copy()
        other[rows] *= 0.5
        return decide(options, TWO, other, y, None, seed=3)

    assert turned(calibration).calibration != before.calibration
    for rows in (threshold, band):
        assert turned(rows).calibration == before.calibration
    assert turned(threshold).threshold != before.threshold
    assert turned(band).threshold == before.threshold
    assert turned(band).abstain != before.abstain


def test_a_calibration_is_what_logits_are_multiplied_by_and_shifted() -> None:
    """Slope and offset are those of the manifest, and the threshold speaks of what comes of them."""
    logits, y = sample(2_000)
    options = DecisionOptions(calibrate="platt", threshold="f1")
    found = decide(options, TWO, logits * 4 + 1, y, None, seed=0)
    assert found.calibration.parameters == {"slope": found.slope, "offset": found.offset}
    assert (found.slope, found.offset) == (pytest.approx(0.25, rel=0.2), pytest.approx(-0.25, abs=0.15))
    plain = decide(DecisionOptions(threshold="f1"), TWO, logits, y, None, seed=0)
    assert found.threshold.value == pytest.approx(plain.threshold.value, abs=0.1)


@pytest.mark.parametrize(
    ("positive", "weights", "wanted"),
    [("yes", {"no": 1, "yes": 3}, 0.25), ("no", {"no": 1, "yes": 3}, 0.75), ("yes", {"yes": 3}, 0.25)],
)
def test_class_weights_move_the_threshold(positive: str, weights: dict[str, float], wanted: float) -> None:
    """To the other class's share of both weights; a threshold that was given stays."""
    options = DecisionOptions(positive=positive)
    found = decide(options, TWO, *sample(50), weights, seed=0)
    assert (found.threshold.value, found.threshold.rule, found.chosen) == (wanted, "class-weight", False)
    given = decide(DecisionOptions(threshold="0.5"), TWO, *sample(50), weights, seed=0)
    assert given.threshold.rule == "given"


def test_a_band_by_risk_is_around_the_chosen_threshold() -> None:
    """And of more classes it ends at a probability."""
    found = decided(3_000, threshold="recall:0.95", abstain_risk=0.2)
    assert found.abstain is not None
    assert found.abstain.low < found.threshold.value < found.abstain.high
    more = decided(3_000, THREE, abstain_risk=0.2).abstain
    assert more is not None
    assert more.low == 0 < more.high < 1


def test_a_band_must_contain_a_threshold_that_was_chosen() -> None:
    """It is refused with the threshold."""
    with pytest.raises(SettingError, match=r"--abstain=0\.9:0.95: wanted a band around the threshold, 0.2"):
        decided(threshold="f1", abstain="0.9:0.95")


@pytest.mark.parametrize(
    ("classes", "options", "message"),
    [
        (THREE, {"threshold": "0.4"}, "--threshold=0.4: wanted two classes, there are 3"),
        (THREE, {"positive": "a"}, "--positive=a: wanted two classes, there are 3"),
        (THREE, {"class_weight": "balanced"}, "--class-weight=balanced: wanted two classes, there are 3"),
        (THREE, {"calibrate": "platt"}, "--calibrate=platt: wanted temperature, there are 3 classes"),
        (THREE, {"abstain": "0.4:0.6"}, "--abstain=0.4:0.6: wanted the least top probability"),
        (TWO, {"abstain": "0.6"}, "--abstain=0.6: wanted LOW:HIGH"),
        (TWO, {"positive": "maybe"}, "--positive=maybe: wanted no or yes"),
        (TWO, {"class_weight": {"maybe": 2}}, "--class-weight=maybe: wanted no or yes"),
    ],
)
def test_an_option_that_does_not_fit_the_classes_is_named(
    classes: tuple[str, ...], options: dict[str, object], message: str
) -> None:
    """By its flag, its value and what was wanted, before anything is fitted."""
    with pytest.raises(SettingError, match=message):
        check(DecisionOptions.model_validate(options), classes)
    with pytest.raises(SettingError, match=message):
        decided(classes=classes, **options)


@given(st.integers(0, 9))
def test_the_seed_deals_the_rows(seed: int) -> None:
    """The same one decides alike."""
    options = {"threshold": "f1", "calibrate": "temperature"}
    assert decided(seed=seed, **options) == decided(seed=seed, **options)
