"""What becomes of logits: calibration, then threshold, then abstaining. Knows nothing of how they came."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from models.decision import BINARY, Decision
from models.record import Abstain, Calibration, Threshold
from models.weights import probabilities
from training import abstain, calibrate, folds, thresholds
from training.curves import Floats, Integers
from training.errors import SettingError
from training.options import DecisionOptions

DEFAULT = 0.5


@dataclass(frozen=True)
class Decided:
    """What was decided; served logits are times `slope` plus `offset`, which `calibration` says too.

    `chosen` is whether validation rows chose anything: no figure may then be measured on them.
    """

    calibration: Calibration
    slope: float
    offset: float
    threshold: Threshold
    abstain: Abstain | None
    positive: str | None
    chosen: bool


def check(options: DecisionOptions, classes: Sequence[str]) -> None:
    """Raise SettingError, which names the flag, for an option that does not fit the classes."""
    if len(classes) > BINARY:
        for flag in ("threshold", "positive", "class_weight"):
            if (value := getattr(options, flag)) is not None:
                raise _refusal(flag, value, f"wanted two classes, there are {len(classes)}")
        if options.calibrate == "platt":
            raise _refusal("calibrate", "platt", f"wanted temperature, there are {len(classes)} classes")
    elif options.positive not in {None, *classes}:
        raise _refusal("positive", options.positive, f"wanted {' or '.join(classes)}")
    if isinstance(options.class_weight, dict):
        for label in sorted(set(options.class_weight).difference(classes)):
            raise _refusal("class_weight", label, f"wanted {' or '.join(classes)}")
    if options.abstain is not None:
        try:
            abstain.parse(options.abstain, len(classes))
        except ValueError as error:
            raise _refusal("abstain", options.abstain, str(error)) from error


def decide(
    options: DecisionOptions,
    classes: Sequence[str],
    logits: Floats,
    y: Integers,
    class_weights: Mapping[str, float] | None,
    *,
    seed: int,
) -> Decided:
    """Decide on validation rows: logits [rows, k], not calibrated, and class indices [rows].

    k is 1 for two classes, the logit of the last one. What is chosen, and not given, is chosen each on rows
    of its own: calibration, threshold and band share the rows out, by lot and class. `class_weights` are
    those of the fit, by class, 1 where there is none. Raises SettingError for an option that does not fit
    the classes or that no choice can fulfil.
    """
    check(options, classes)
    positive = None if len(classes) > BINARY else options.positive or classes[-1]
    rule = None if options.threshold is None else thresholds.parse(options.threshold)
    choices = {
        "calibration": options.calibrate != "none",
        "threshold": isinstance(rule, thresholds.Rule),
        "abstain": options.abstain_risk is not None,
    }
    wanted = [name for name, chosen in choices.items() if chosen]
    rows = dict(zip(wanted, folds.deal(y, len(wanted), seed), strict=True)) if wanted else {}

    own = rows.get("calibration", slice(0))
    calibration, line = calibrate.choose(options.calibrate, logits[own], y[own], seed)
    # Rounded as they are served: what float32 cannot tell apart, no threshold can.
    p = probabilities(line.of(logits)).astype(np.float32).astype(np.float64)
    threshold = Threshold(value=DEFAULT, rule="default")
    if isinstance(rule, thresholds.Rule) and positive is not None:
        own, place = rows["threshold"], classes.index(positive)
        value = thresholds.choose(rule, p[own, place], y[own] == place)
        threshold = Threshold(value=value, rule=rule.text)
    elif isinstance(rule, float):
        threshold = Threshold(value=rule, rule="given")
    elif class_weights and positive is not None:
        own_weight = class_weights.get(positive, 1.0)
        other = class_weights.get(next(label for label in classes if label != positive), 1.0)
        threshold = Threshold(value=other / (other + own_weight), rule="class-weight")

    band = None
    if options.abstain is not None:
        band = abstain.given(options.abstain, len(classes), threshold.value)
    elif options.abstain_risk is not None:
        own = rows["abstain"]
        index = None if positive is None else classes.index(positive)
        right = Decision(len(classes), threshold.value, index).of_array(p[own]) == y[own]
        told = p[own].max(1) if index is None else p[own, index]
        band = abstain.by_risk(options.abstain_risk, told, right, None if index is None else threshold.value)
    return Decided(calibration, *line, threshold, band, positive, chosen=bool(wanted))


def _refusal(flag: str, value: object, wanted: str) -> SettingError:
    return SettingError(f"--{flag.replace('_', '-')}={value}: {wanted}")
