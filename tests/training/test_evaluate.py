"""The metrics against scikit-learn and by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from training.evaluate import evaluate, roc_auc


def random_answers(classes: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(classes)
    y = np.arange(200) % classes
    p = generator.dirichlet(np.ones(classes), 200) + np.eye(classes)[y]
    return (p / p.sum(1, keepdims=True)).astype(np.float32), y


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_metrics_are_those_of_scikit_learn(classes: int) -> None:
    """Log-loss, Brier, one-vs-rest ROC AUC, accuracy and confusion agree with scikit-learn's."""
    p, y = random_answers(classes)
    found = evaluate(p, y, 0.5, majority=0)
    exact = p.astype(np.float64)
    exact /= exact.sum(1, keepdims=True)  # scikit-learn warns of float32 rounding
    two = classes == 2
    assert found.log_loss == pytest.approx(metrics.log_loss(y, exact), rel=1e-5)
    assert found.brier == pytest.approx(
        metrics.brier_score_loss(y, exact[:, 1] if two else exact, scale_by_half=two), rel=1e-5
    )
    assert found.roc_auc == pytest.approx(
        metrics.roc_auc_score(y, exact[:, 1] if two else exact, multi_class="ovr"), abs=1e-12
    )
    assert found.accuracy == metrics.accuracy_score(y, exact.argmax(1))
    assert found.confusion == tuple(map(tuple, metrics.confusion_matrix(y, exact.argmax(1)).tolist()))


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.5, 0.5000001, 1.0]), st.booleans()), max_size=60))
def test_the_area_counts_ties_as_scikit_learn_does(rows: list[tuple[float, bool]]) -> None:
    """Whatever is tied, within a class and across, the area is scikit-learn's to the last digits."""
    scores, positive = map(np.array, zip(*rows, (0.3, True), (0.4, False), strict=True))
    assert roc_auc(scores, positive) == pytest.approx(metrics.roc_auc_score(positive, scores), abs=1e-12)


def test_the_baseline_is_the_majority_class() -> None:
    """The baseline's accuracy is the share that the given class has in these rows."""
    p, y = np.array([[0.9, 0.1]] * 4, np.float32), np.array([0, 0, 0, 1])
    assert evaluate(p, y, 0.5, majority=0).baseline_accuracy == 0.75
    assert evaluate(p, y, 0.5, majority=1).baseline_accuracy == 0.25


def test_the_threshold_moves_accuracy_and_confusion() -> None:
    """Rows are true classes, columns answers, both at the threshold."""
    p, y = np.array([[0.75, 0.25], [0.6, 0.4], [0.25, 0.75]], np.float32), np.array([0, 1, 1])
    assert evaluate(p, y, 0.5, 1).confusion == ((1, 0), (1, 1))
    assert evaluate(p, y, 0.3, 1).confusion == ((1, 0), (0, 2))
    assert evaluate(p, y, 0.3, 1).accuracy == 1


def test_a_confident_mistake_has_a_finite_price() -> None:
    """A true class with float32 probability 0 costs the logarithm of the smallest float32, not infinity."""
    p, y = np.array([[1, 0], [1, 0]], np.float32), np.array([0, 1])
    assert evaluate(p, y, 0.5, 0).log_loss == pytest.approx(87.3 / 2, abs=0.1)


def test_rows_without_a_class_are_refused() -> None:
    """The ROC AUC of a class with no rows does not exist, and no number is made up for it."""
    with pytest.raises(ValueError, match="a class has no rows"):
        evaluate(np.array([[0.9, 0.1]], np.float32), np.array([0]), 0.5, 0)
