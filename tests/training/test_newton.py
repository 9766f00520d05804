"""The spread of coefficients beside statsmodels' standard errors, where there is no penalty."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_breast_cancer
from statsmodels.discrete.discrete_model import Logit, MNLogit

from training import newton
from training.batches import Arrays
from training.model import LogisticRegression
from training.problem import Problem

TUMOURS = ["mean texture", "mean smoothness", "mean symmetry", "texture error"]
"""Columns that tell a good part of the tumours, and do not nearly repeat each other."""


def unpenalised(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The optimum, [k, columns + 1] with intercepts last, and its spread."""
    model = LogisticRegression(x.shape[1], int(y.max()) + 1)
    problem = Problem(model, Arrays(torch.tensor(x), torch.tensor(y)), penalty=None)
    at, _, converged = newton.minimise(problem, lambda _: None)
    assert converged
    return problem.theta.numpy(), newton.spread(problem, at).numpy()


def drawn(classes: int, rows: int = 600) -> tuple[np.ndarray, np.ndarray]:
    """Rows that a logistic regression drew."""
    draw = np.random.default_rng(classes)
    x, weights = draw.normal(size=(rows, 4)), draw.normal(size=(4, classes))
    return x, (x @ weights + draw.gumbel(size=(rows, classes))).argmax(1)


def tumours() -> tuple[np.ndarray, np.ndarray]:
    frame, y = load_breast_cancer(return_X_y=True, as_frame=True)
    x = frame[TUMOURS].to_numpy()
    return (x - x.mean(0)) / x.std(0), y.to_numpy()


@pytest.mark.parametrize("rows", [drawn(2), tumours()], ids=["drawn", "tumours"])
def test_of_two_classes_it_is_statsmodels_standard_error(rows: tuple[np.ndarray, np.ndarray]) -> None:
    """The intercept's too."""
    x, y = rows
    expected = Logit(y, np.column_stack([x, np.ones(len(x))])).fit(disp=0, tol=1e-12)
    theta, spread = unpenalised(x, y)
    np.testing.assert_allclose(theta[0], expected.params, rtol=0, atol=1e-6)
    np.testing.assert_allclose(spread[0], expected.bse, rtol=1e-6)


@pytest.mark.parametrize("classes", [3, 5])
def test_of_more_classes_it_is_that_of_how_far_each_is_from_their_mean(classes: int) -> None:
    """Statsmodels has differences to the first class; their covariance tells of the centred weights too."""
    x, y = drawn(classes)
    expected = MNLogit(y, np.column_stack([x, np.ones(len(x))])).fit(disp=0, tol=1e-12)
    theta, spread = unpenalised(x, y)
    np.testing.assert_allclose((theta[1:] - theta[0]).T, expected.params, rtol=0, atol=1e-6)
    centred = np.eye(classes)[:, 1:] - 1 / classes  # of differences to the first
    of_all = np.kron(centred, np.eye(theta.shape[1]))
    covariance = of_all @ expected.cov_params() @ of_all.T
    np.testing.assert_allclose(spread, np.sqrt(covariance.diagonal()).reshape(theta.shape), rtol=1e-6)


@pytest.mark.parametrize("classes", [2, 3, 5])
@pytest.mark.parametrize("penalty", [None, 1e4, 1.0, 1e-4])
def test_one_more_step_would_change_nothing(classes: int, penalty: float | None) -> None:
    """No logit by more than the tolerance, where the end was told by the step before it."""
    x, y = drawn(classes)
    problem = Problem(
        LogisticRegression(4, classes), Arrays(torch.tensor(x), torch.tensor(y)), penalty=penalty
    )
    _, _, converged = newton.minimise(problem, lambda _: None)
    assert converged
    at = problem.evaluate()
    rows, _ = problem.batches.block(0, len(x))
    moved = (rows @ newton.direction(problem, at).T).abs().max().item()
    assert moved <= newton.STEP_TOLERANCE * max(at.farthest, 1)
