"""The metrics against scikit-learn and by hand."""

import numpy as np
import pytest
from sklearn import metrics

from models.decision import Decision
from models.record import Metrics
from training.evaluate import evaluate


def random_answers(classes: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(classes)
    y = np.arange(200) % classes
    p = generator.dirichlet(np.ones(classes), 200) + 0.3 * np.eye(classes)[y]
    return (p / p.sum(1, keepdims=True)).astype(np.float32), y


def measured(p: np.ndarray, y: np.ndarray, decision: Decision, majority: int = 0) -> Metrics:
    return evaluate(p, y, decision, majority, intervals=False, seed=0, calibration_error=False)


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_metrics_are_those_of_scikit_learn(classes: int) -> None:
    """Log-loss, Brier, one-vs-rest areas, accuracy and confusion agree with scikit-learn's."""
    p, y = random_answers(classes)
    found = measured(p, y, Decision(classes, 0.5))
    exact = p.astype(np.float64)
    normal = exact / exact.sum(1, keepdims=True)  # scikit-learn warns of float32 rounding
    two = classes == 2
    picked = exact[np.arange(200), y]
    scaled = picked / exact.sum(1)
    assert found.log_loss == pytest.approx(
        metrics.log_loss(y, normal) - np.log(picked / scaled).mean(), abs=1e-12
    )
    assert found.brier == pytest.approx(
        metrics.brier_score_loss(y, normal[:, 1] if two else normal, scale_by_half=two), rel=1e-5
    )
    scores = exact[:, 1] if two else exact
    assert found.roc_auc == pytest.approx(
        metrics.roc_auc_score(y, scores if two else normal, multi_class="ovr"), abs=1e-12 if two else 1e-5
    )
    one_hot = y if two else np.eye(classes)[y]
    assert found.average_precision == pytest.approx(
        metrics.average_precision_score(one_hot, scores, average="macro"), abs=1e-12
    )
    if not two:
        wanted = metrics.roc_auc_score(one_hot, scores, average="macro")
        assert found.roc_auc == pytest.approx(wanted, abs=1e-12)
    assert found.accuracy == metrics.accuracy_score(y, exact.argmax(1))
    assert found.confusion == tuple(map(tuple, metrics.confusion_matrix(y, exact.argmax(1)).tolist()))


def test_precision_is_of_the_positive_class() -> None:
    """The first class has another average precision than the last, and the same ROC AUC."""
    p, y = random_answers(2)
    first, last = (measured(p, y, Decision(2, 0.5, positive)) for positive in (0, 1))
    assert first.roc_auc == pytest.approx(last.roc_auc, abs=1e-4)  # float32 ties differ between columns
    wanted = metrics.average_precision_score(y == 0, p[:, 0])
    assert first.average_precision == pytest.approx(wanted, abs=1e-12)
    assert first.average_precision != last.average_precision


def test_the_baseline_is_the_majority_class() -> None:
    """The baseline's accuracy is the share that the given class has in these rows."""
    p, y = np.array([[0.9, 0.1]] * 4, np.float32), np.array([0, 0, 0, 1])
    assert measured(p, y, Decision(2, 0.5), 0).baseline_accuracy == 0.75
    assert measured(p, y, Decision(2, 0.5), 1).baseline_accuracy == 0.25


def test_the_threshold_moves_accuracy_and_confusion() -> None:
    """Rows are true classes, columns answers, both at the threshold."""
    p, y = np.array([[0.75, 0.25], [0.6, 0.4], [0.25, 0.75]], np.float32), np.array([0, 1, 1])
    assert measured(p, y, Decision(2, 0.5)).confusion == ((1, 0), (1, 1))
    assert measured(p, y, Decision(2, 0.3)).confusion == ((1, 0), (0, 2))
    assert measured(p, y, Decision(2, 0.3)).accuracy == 1


def test_what_is_not_answered_is_counted_apart() -> None:
    """The share without an answer and the accuracy of the others; neither where every row is answered."""
    p = np.array([[0.75, 0.25], [0.55, 0.45], [0.45, 0.55], [0.25, 0.75]])
    y = np.array([0, 1, 1, 0])
    found = measured(p, y, Decision(2, 0.5, band=(0.4, 0.6)))
    assert (found.accuracy, found.abstained, found.accepted_accuracy) == (0.5, 0.5, 0.5)
    found = measured(p, y, Decision(2, 0.5, band=(0.0, 1.0)))
    assert (found.abstained, found.accepted_accuracy) == (1.0, None)
    found = measured(p, y, Decision(2, 0.5))
    assert (found.abstained, found.accepted_accuracy) == (None, None)


def test_a_confident_mistake_has_a_finite_price() -> None:
    """A true class with float32 probability 0 costs the logarithm of the smallest float32, not infinity."""
    p, y = np.array([[1, 0], [1, 0]], np.float32), np.array([0, 1])
    assert measured(p, y, Decision(2, 0.5)).log_loss == pytest.approx(87.3 / 2, abs=0.1)


@pytest.mark.parametrize("classes", [2, 3])
def test_rows_without_a_class_have_no_area(classes: int) -> None:
    """No number is made up for it; what exists all the same is measured."""
    p, y = random_answers(classes)
    found = evaluate(p, np.zeros_like(y), Decision(classes, 0.5), 0, intervals=True, seed=0)
    assert (found.roc_auc, found.average_precision) == (None, None)
    assert found.intervals is not None
    assert (found.intervals.roc_auc, found.intervals.average_precision) == (None, None)
    assert found.intervals.log_loss.low < found.log_loss < found.intervals.log_loss.high
    assert len(found.confusion) == classes


@pytest.mark.parametrize("classes", [2, 4])
def test_intervals_hold_their_numbers(classes: int) -> None:
    """Log-loss and both areas lie between their ends, and the calibration error is there when wanted."""
    p, y = random_answers(classes)
    found = evaluate(p, y, Decision(classes, 0.5), 0, intervals=True, seed=0)
    for name in ("log_loss", "roc_auc", "average_precision"):
        interval = getattr(found.intervals, name)
        assert interval.low < getattr(found, name) < interval.high
    assert found.calibration_error is not None
    assert measured(p, y, Decision(classes, 0.5)).calibration_error is None
