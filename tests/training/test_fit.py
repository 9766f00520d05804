"""The solvers against scikit-learn, and what they promise of their end."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from sklearn.datasets import load_breast_cancer, load_iris, load_wine
from sklearn.linear_model import LogisticRegression as Oracle

from training import fit as fitting
from training.config import Config
from training.errors import FitError
from training.fit import GRADIENT_TOLERANCE, Fit, fit
from training.model import LogisticRegression, scaling

SETS = [load_breast_cancer, load_iris, load_wine]
Rows = tuple[torch.Tensor, torch.Tensor]


def load(loader: Callable[..., tuple[np.ndarray, np.ndarray]]) -> Rows:
    x, y = loader(return_X_y=True)
    return torch.from_numpy(x.astype(np.float32)), torch.from_numpy(y)


def trained(rows: Rows, **settings: object) -> tuple[LogisticRegression, Fit]:
    x, y = rows
    model = LogisticRegression(*scaling(x), classes=int(y.max()) + 1)
    return model, fit(model, x, y, Config(**settings))


def oracle(model: LogisticRegression, rows: Rows, penalty: float) -> tuple[Oracle, np.ndarray]:
    """scikit-learn, converged, on the same standardised rows."""
    x, y = rows
    standardised = ((x.double() - model.mean.double()) / model.scale.double()).numpy()
    found = Oracle(C=penalty, solver="newton-cholesky", tol=1e-10, max_iter=1000)
    return found.fit(standardised, y.numpy()), standardised


def objective(z: np.ndarray, y: np.ndarray, weights: np.ndarray, penalty: float) -> float:
    """The mean log-loss of logits [rows, k] plus |w|^2 / (2 C n), written out once more."""
    if z.shape[1] == 1:
        z = np.hstack([np.zeros_like(z), z])
    loss = np.logaddexp.reduce(z, axis=1) - z[np.arange(len(y)), y]
    return float(loss.mean() + (weights**2).sum() / (2 * penalty * len(y)))


@pytest.mark.parametrize("penalty", [0.01, 1.0, 10.0])
@pytest.mark.parametrize("loader", SETS)
def test_lbfgs_finds_the_weights_of_scikit_learn(loader: Callable[..., object], penalty: float) -> None:
    """Coefficients agree within 1e-4 and probabilities within 1e-5, and the fit says that it converged."""
    rows = load(loader)
    model, found = trained(rows, penalty=penalty)
    expected, standardised = oracle(model, rows, penalty)
    assert found.converged
    assert found.gradient_norm <= GRADIENT_TOLERANCE
    np.testing.assert_allclose(model.linear.weight.detach(), expected.coef_, rtol=0, atol=1e-4)
    np.testing.assert_allclose(model.linear.bias.detach(), expected.intercept_, rtol=0, atol=1e-4)
    np.testing.assert_allclose(
        model(rows[0]).detach(), expected.predict_proba(standardised), rtol=0, atol=1e-5
    )
    best = objective(
        standardised @ expected.coef_.T + expected.intercept_, rows[1].numpy(), expected.coef_, penalty
    )
    assert found.objective == pytest.approx(best, abs=1e-9)


@pytest.mark.parametrize("loader", SETS)
def test_the_lectures_loop_comes_close(loader: Callable[..., object]) -> None:
    """With its defaults sgd ends within 1e-3 of the optimum, and does not claim to have converged."""
    rows = load(loader)
    _, exact = trained(rows)
    _, found = trained(rows, solver="sgd")
    assert exact.objective <= found.objective <= exact.objective + 1e-3
    assert found.iterations == 200
    assert not found.converged


def test_sgd_stops_when_the_gradient_is_gone() -> None:
    """With all rows in a batch the loop is gradient descent, which converges and stops early."""
    rows = load(load_iris)
    x, y = rows
    model = LogisticRegression(*scaling(x), classes=3)
    ticks: list[None] = []
    settings = {"solver": "sgd", "penalty": 0.01, "batch_rows": 150, "learning_rate": 0.5, "epochs": 2000}
    found = fit(model, x, y, Config(**settings), lambda: ticks.append(None))
    assert found.converged
    assert found.iterations == len(ticks) < 2000


@pytest.mark.parametrize("solver", ["lbfgs", "sgd"])
def test_the_same_rows_and_seed_give_the_same_bytes(solver: str) -> None:
    """Two fits agree to the last bit, whatever the number of threads, which is left as it was."""
    rows = load(load_wine)
    threads = torch.get_num_threads()
    first, _ = trained(rows, solver=solver, epochs=3)
    assert torch.get_num_threads() == threads
    torch.set_num_threads(threads + 1)
    try:
        again, _ = trained(rows, solver=solver, epochs=3)
        assert torch.get_num_threads() == threads + 1
    finally:
        torch.set_num_threads(threads)
    for one, other in zip(first.parameters(), again.parameters(), strict=True):
        assert one.detach().numpy().tobytes() == other.detach().numpy().tobytes()


def test_another_seed_shuffles_otherwise() -> None:
    """The seed is what sgd's order comes from."""
    rows = load(load_wine)
    first, _ = trained(rows, solver="sgd", epochs=1, seed=1)
    other, _ = trained(rows, solver="sgd", epochs=1, seed=2)
    assert not torch.equal(first.linear.weight, other.linear.weight)


@pytest.mark.parametrize("penalty", [1.0, 100.0])
def test_separable_rows_have_finite_weights(penalty: float) -> None:
    """A gap between the classes would push weights to infinity; the penalty stops them."""
    x = torch.tensor([[-2.0], [-1.0], [1.0], [2.0]])
    y = torch.tensor([0, 0, 1, 1])
    model, found = trained((x, y), penalty=penalty)
    assert found.converged
    assert model.linear.weight.isfinite().all()
    assert (model(x).argmax(1) == y).all()


def test_a_fit_that_ran_out_of_steps_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """At its limit lbfgs stops, tells the gradient, and does not claim to have converged."""
    monkeypatch.setattr(fitting, "MAX_ITERATIONS", 5)
    _, found = trained(load(load_breast_cancer))
    assert (found.iterations, found.converged) == (5, False)
    assert found.gradient_norm > GRADIENT_TOLERANCE


def test_a_constant_column_has_no_weight(clouds: tuple[np.ndarray, np.ndarray]) -> None:
    """A column that says nothing gets weight 0 and disturbs no other."""
    x, y = torch.from_numpy(clouds[0]), torch.from_numpy(clouds[1])
    plain, _ = trained((x, y))
    wider, found = trained((torch.cat([x, torch.full((60, 1), 0.1)], 1), y))
    assert found.converged
    assert (wider.linear.weight[:, 4] == 0).all()
    torch.testing.assert_close(wider.linear.weight[:, :4], plain.linear.weight, rtol=0, atol=1e-5)


def test_a_diverging_fit_is_an_error() -> None:
    """Weights that are not numbers are never returned."""
    with pytest.raises(FitError, match="sgd diverged at --learning-rate=1e\\+300"):
        trained(load(load_iris), solver="sgd", learning_rate=1e300, epochs=2)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("solver", ["lbfgs", "sgd"])
def test_cuda_finds_the_same_weights(solver: str) -> None:
    """A fit on the device ends where the one on the CPU does."""
    x, y = load(load_wine)
    expected, _ = trained((x, y), solver=solver, epochs=20)
    model = LogisticRegression(*scaling(x), classes=3).cuda()
    fit(model, x.cuda(), y.cuda(), Config(solver=solver, epochs=20))
    torch.testing.assert_close(model.cpu().linear.weight, expected.linear.weight, rtol=0, atol=1e-5)
