"""How good probabilities are against the true classes. Knows nothing of the model that gave them."""

import numpy as np
from numpy.typing import NDArray

from models.decision import BINARY, Decision
from models.record import Metrics
from training import bootstrap, reliability
from training.curves import Cuts, Integers

SMALLEST = float(np.finfo(np.float32).tiny)
"""A float32 probability of 0 counts as this, 1e-38: one confident mistake then costs 87, not infinity."""


def evaluate(
    probabilities: NDArray[np.floating],
    y: Integers,
    decision: Decision,
    majority: int,
    *,
    intervals: bool,
    seed: int,
    calibration_error: bool = True,
) -> Metrics:
    """Measure probabilities [rows, classes] against class indices [rows], of which there is one at least.

    log_loss: mean of -log p(true class), natural logarithm. brier: mean of (p(last class) - is last)^2 for
    two classes; for more, mean of the sum over classes of (p - is it)^2, which runs to 2. roc_auc and
    average_precision: of the positive class; for more than two, one class against the rest, averaged with
    equal weight; None when y lacks a class. accuracy: share of answers that are right, whether or not they
    are given; baseline_accuracy: of always answering the class `majority`. confusion: rows are true classes,
    columns answers. abstained and accepted_accuracy: the share without an answer, and the accuracy of the
    others. `intervals` and `calibration_error` say whether to find these, with lots by `seed`.
    """
    classes = probabilities.shape[1]
    p = probabilities.astype(np.float64)
    truth = np.eye(classes, dtype=np.bool_)[y]
    answers = decision.of_array(p)
    right = answers == y
    accepted = decision.accepts_array(p)
    own = losses(p, y)
    told = [decision.positive] if classes == BINARY else list(range(classes))
    cuts = [Cuts.of(p[:, index], truth[:, index]) for index in told]
    curves = all(each.both for each in cuts)
    measured = slice(classes == BINARY, None)  # of two, the last tells all
    confusion = np.bincount(y * classes + answers, minlength=classes**2).reshape(classes, classes)
    return Metrics(
        log_loss=float(own.mean()),
        brier=float(((p - truth)[:, measured] ** 2).sum(1).mean()),
        roc_auc=float(np.mean([each.roc_auc for each in cuts])) if curves else None,
        average_precision=float(np.mean([each.average_precision for each in cuts])) if curves else None,
        accuracy=float(right.mean()),
        baseline_accuracy=float((y == majority).mean()),
        confusion=tuple(map(tuple, confusion.tolist())),
        abstained=float(1 - accepted.mean()) if decision.abstains else None,
        accepted_accuracy=float(right[accepted].mean()) if decision.abstains and accepted.any() else None,
        calibration_error=reliability.calibration_error(*reliability.told(p, y, decision), seed)
        if calibration_error
        else None,
        intervals=bootstrap.intervals(own, p[:, told], truth[:, told], y, seed) if intervals else None,
    )


def losses(probabilities: NDArray[np.float64], y: Integers) -> NDArray[np.float64]:
    """Return -log p(true class) of each row, [rows], of probabilities [rows, classes]."""
    own = np.take_along_axis(probabilities, y[:, None], 1)[:, 0]
    found: NDArray[np.float64] = -np.log(np.maximum(own, SMALLEST))
    return found
