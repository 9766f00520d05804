"""What a training run was given, decided and measured. Knows nothing of the files it wrote."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from models.decision import Decision
from models.parts import Count, Frozen, Probability, Sha256, Share, Text

SCORE_BINS = 20

SplitName = Literal["train", "validation", "test"]


class LeftOut(Frozen):
    """A column of the training file that is no input, and why."""

    column: Text
    reason: Text


class Threshold(Frozen):
    """With two classes, the least probability of the positive one at which it is the answer."""

    value: Probability
    rule: Text


class Abstain(Frozen):
    """When to answer nothing.

    With two classes, while the positive one's probability is at least `low` and below `high`; with more,
    while the largest one is below `high`, and `low` is 0.
    """

    low: Probability
    high: Probability
    rule: Text


def decision(
    classes: Sequence[str], positive: str | None, threshold: Threshold, abstain: Abstain | None
) -> Decision:
    """Return the rule by which probabilities of the classes become one of them, or none."""
    band = None if abstain is None else (abstain.low, abstain.high)
    return Decision(
        len(classes), threshold.value, None if positive is None else classes.index(positive), band
    )


class LogLosses(Frozen):
    """The log-loss on the rows of the calibration, cross-validated, before and after."""

    before: float
    after: float


class Calibration(Frozen):
    """What the logits were multiplied by, and what was added then; it is part of the weights already."""

    kind: Literal["none", "platt", "temperature"]
    parameters: dict[Literal["slope", "offset"], float]
    log_loss: LogLosses | None


class Scores(Frozen):
    """Training's reference of the served probabilities, from rows that were not trained on.

    `shares` has, for each class, the share of `rows` in each of SCORE_BINS equal bins from 0 to 1.
    """

    rows: Count
    shares: dict[str, tuple[Share, ...]]


class Split(Frozen):
    """How rows were assigned: by a keyed hash of their cells, by groups, or by time; see models/README.md.

    Nothing writes `hash` and `rows` any more. `cuts` are where validation and where test begin: by class the
    hash in hexadecimal; by "" the time.
    """

    kind: Literal["cells", "copies", "groups", "time", "draw", "hash", "rows"]
    columns: tuple[str, ...]
    seed: Count
    cuts: dict[str, tuple[str, str]]


class Data(Frozen):
    """Where the rows came from and how they were split. `dropped` rows had no label."""

    source: str
    sha256: Sha256
    target: str
    rows: dict[SplitName, Count]
    dropped: Count
    duplicates: Count
    split: Split


class Tried(Frozen):
    """A penalty, and the mean over folds of the held-out log-loss under it, with its standard error."""

    penalty: Annotated[float, Field(gt=0)]
    log_loss: float
    standard_error: Annotated[float, Field(ge=0)]


class Choice(Frozen):
    """How the penalty was chosen: the path that was tried, from strong to weak, on so many train rows."""

    rows: Count
    folds: Count
    path: Annotated[tuple[Tried, ...], Field(min_length=1)]


class Fit(Frozen):
    """How the weights were found. `penalty` is scikit-learn's C, the inverse L2 strength; null is none.

    `choice` is absent where the penalty was given, as it is in the format's first manifests.
    """

    solver: Literal["newton", "lbfgs", "sgd"]
    penalty: Annotated[float, Field(gt=0)] | None
    weights: dict[str, Annotated[float, Field(gt=0)]] | None
    iterations: Count
    gradient_norm: Annotated[float, Field(ge=0)]
    tolerance: Annotated[float, Field(ge=0)] | None
    converged: bool
    choice: Annotated[Choice | None, Field(exclude_if=lambda choice: choice is None)] = None


class Interval(Frozen):
    """A stratified bootstrap's interval of 95 %."""

    low: float
    high: float


class Intervals(Frozen):
    """How far the test rows' luck reaches, for each number; null where it does not exist."""

    log_loss: Interval
    roc_auc: Interval | None
    average_precision: Interval | None


class CalibrationError(Frozen):
    """The expected calibration error in bins of equal mass, of the positive or of the top class.

    `calibrated_mean` and `calibrated_high` are the mean and the 95 % point of what a perfectly calibrated
    model would show with these probabilities and so many rows.
    """

    value: float
    bins: Count
    calibrated_mean: float
    calibrated_high: float


class Metrics(Frozen):
    """How good the model is on one split, beside always answering the majority class."""

    log_loss: float
    brier: float
    roc_auc: float | None
    average_precision: float | None
    accuracy: float
    baseline_accuracy: float
    confusion: tuple[tuple[Count, ...], ...]
    abstained: Share | None
    accepted_accuracy: float | None
    calibration_error: CalibrationError | None
    intervals: Intervals | None


class Environment(Frozen):
    """On what a version was trained: versions of the libraries, threads, device, the processor's vectors."""

    libraries: dict[str, str]
    threads: Count | None
    device: str | None
    cpu: str | None
