"""How good probabilities are against the true classes. Knows nothing of the model that gave them."""

import numpy as np
from numpy.typing import NDArray

from models.decision import BINARY, Decision
from models.manifest import Metrics

SMALLEST = float(np.finfo(np.float32).tiny)
"""A float32 probability of 0 counts as this, 1e-38: one confident mistake then costs 87, not infinity."""


def evaluate(
    probabilities: NDArray[np.floating], y: NDArray[np.int64], threshold: float, majority: int
) -> Metrics:
    """Measure probabilities [rows, classes] against class indices [rows].

    log_loss: mean of -log p(true class), natural logarithm. brier: mean of (p(last class) - is last)^2 for
    two classes; for more, mean of the sum over classes of (p - is it)^2, which runs to 2. roc_auc: of the
    last class; for more than two, one class against the rest, averaged with equal weight. accuracy: share of
    answers that are right; baseline_accuracy: of always answering the class `majority`. confusion: rows are
    true classes, columns answers. Raises ValueError when y lacks a class: its ROC AUC does not exist. The
    splits of `dataset.split` never do.
    """
    rows, classes = probabilities.shape
    if len(np.unique(y)) < classes:
        raise ValueError("a class has no rows: its ROC AUC does not exist")
    p = probabilities.astype(np.float64)
    truth = np.eye(classes)[y]
    answers = Decision(classes, threshold).of_array(p)
    confusion = np.zeros((classes, classes), np.int64)
    np.add.at(confusion, (y, answers), 1)
    told = range(classes == BINARY, classes)  # of two, the last tells all
    return Metrics(
        log_loss=float(-np.log(np.maximum(p[np.arange(rows), y], SMALLEST)).mean()),
        brier=float(((p - truth)[:, told] ** 2).sum(1).mean()),
        roc_auc=float(np.mean([roc_auc(p[:, index], y == index) for index in told])),
        accuracy=float((answers == y).mean()),
        baseline_accuracy=float((y == majority).mean()),
        confusion=tuple(map(tuple, confusion.tolist())),
    )


def roc_auc(scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> float:
    """Find the area under the ROC curve of scores [rows], as a share of Mann and Whitney's U.

    Of all pairs of a positive row and another it is those in which the positive scores higher; ties are half.
    """
    _, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = 2 * np.cumsum(counts) - counts + 1  # doubled: the mean rank of a tie may end in a half
    positives = int(positive.sum())
    u = int(ranks[places][positive].sum()) - positives * (positives + 1)
    return u / (2 * positives * (len(scores) - positives))
