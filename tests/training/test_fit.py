"""The solvers against scikit-learn, and what they promise of their end."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.linear_model import LogisticRegression as Oracle

from training import fit as fitting
from training.batches import Arrays
from training.config import Config
from training.errors import FitError
from training.fit import GRADIENT_TOLERANCE, THINNED, THINNED_ROWS, Fit, fit
from training.model import LogisticRegression
from training.newton import STEP_TOLERANCE

SETS = [load_breast_cancer, load_iris, load_wine]
Rows = tuple[torch.Tensor, torch.Tensor]


def load(loader: Callable[..., tuple[np.ndarray, np.ndarray]]) -> Rows:
    """A set's columns, standardised but for those that are constant, and classes."""
    x, y = loader(return_X_y=True)
    return torch.from_numpy((x - x.mean(0)) / np.where(x.std(0) > 0, x.std(0), 1)), torch.from_numpy(y)


def trained(
    rows: Rows, weights: list[float] | None = None, **settings: object
) -> tuple[LogisticRegression, Fit]:
    x, y = rows
    model = LogisticRegression(x.shape[1], classes=int(y.max()) + 1)
    own = None if weights is None else torch.tensor(weights)
    return model, fit(model, Arrays(x, y), Config(**settings), own)


def oracle(rows: Rows, penalty: float | None, weights: list[float] | None = None) -> Oracle:
    """scikit-learn, converged, on the same rows."""
    x, y = rows
    own = None if weights is None else np.array(weights)[y.numpy()]
    solver = "newton-cholesky" if penalty else "lbfgs"
    found = Oracle(C=penalty or np.inf, solver=solver, tol=1e-10, max_iter=10_000)
    return found.fit(x.numpy(), y.numpy(), own)


def probabilities(model: LogisticRegression, x: torch.Tensor) -> np.ndarray:
    """Of each class, the first of two among them."""
    z = model(x).detach()
    return (torch.cat([torch.zeros_like(z), z], 1) if z.shape[1] == 1 else z).softmax(1).numpy()


def objective(z: np.ndarray, y: np.ndarray, own: np.ndarray, weights: np.ndarray, penalty: float) -> float:
    """The mean log-loss of logits [rows, k], weighted by row, plus |w|^2 / (2 C n), written out once more."""
    if z.shape[1] == 1:
        z = np.hstack([np.zeros_like(z), z])
    loss = np.logaddexp.reduce(z, axis=1) - z[np.arange(len(y)), y]
    return float((own * loss).mean() + (weights**2).sum() / (2 * penalty * len(y)))


def check(rows: Rows, penalty: float, solver: str, weights: list[float] | None = None) -> None:
    """Compare a fit of the rows with scikit-learn's."""
    model, found = trained(rows, weights, penalty=penalty, solver=solver)
    expected = oracle(rows, penalty, weights)
    assert (found.converged, found.solver) == (True, solver)
    assert found.gradient_norm <= GRADIENT_TOLERANCE
    np.testing.assert_allclose(model.linear.weight.detach(), expected.coef_, rtol=0, atol=1e-4)
    np.testing.assert_allclose(model.linear.bias.detach(), expected.intercept_, rtol=0, atol=1e-4)
    x, y = (each.numpy() for each in rows)
    own = np.ones(len(y)) if weights is None else np.array(weights)[y]
    best = objective(x @ expected.coef_.T + expected.intercept_, y, own, expected.coef_, penalty)
    assert found.objective == pytest.approx(best, abs=1e-9)
    np.testing.assert_allclose(probabilities(model, rows[0]), expected.predict_proba(x), rtol=0, atol=1e-5)


@pytest.mark.parametrize("solver", ["newton", "lbfgs"])
@pytest.mark.parametrize("penalty", [0.01, 1.0, 10.0])
@pytest.mark.parametrize("loader", SETS)
def test_it_finds_the_weights_of_scikit_learn(
    loader: Callable[..., object], penalty: float, solver: str
) -> None:
    """Coefficients agree within 1e-4, centred intercepts too, probabilities within 1e-5, and it converged."""
    check(load(loader), penalty, solver)


@pytest.mark.parametrize(
    ("penalty", "solver"),
    # Not lbfgs with 10: a gradient of 1e-8 leaves it an intercept that is 4e-4 off.
    [(0.01, "newton"), (0.01, "lbfgs"), (1.0, "newton"), (1.0, "lbfgs"), (10.0, "newton")],
)
def test_it_finds_those_of_ten_classes(penalty: float, solver: str) -> None:
    """650 of digits, three columns of which are constant."""
    check(load(load_digits), penalty, solver)


def test_auto_takes_newton_and_lbfgs_when_there_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the number of weights."""
    rows = load(load_iris)
    few, found = trained(rows)
    assert (found.solver, found.tolerance) == ("newton", STEP_TOLERANCE)
    monkeypatch.setattr(fitting, "NEWTON_WEIGHTS", 14)
    many, found = trained(rows)
    assert (found.solver, found.tolerance) == ("lbfgs", GRADIENT_TOLERANCE)
    torch.testing.assert_close(few.linear.weight, many.linear.weight, rtol=0, atol=1e-5)


@pytest.mark.parametrize("solver", ["newton", "lbfgs"])
@pytest.mark.parametrize("penalty", [0.01, 1.0, 10.0])
@pytest.mark.parametrize("weights", [[3.0, 0.5], [0.1, 1.0]])
def test_weights_of_classes_are_those_of_scikit_learn(
    weights: list[float], penalty: float, solver: str
) -> None:
    """As weights of its rows."""
    check(load(load_breast_cancer), penalty, solver, weights)


def noisy(rows: int = 200) -> Rows:
    """Two columns that tell a class with errors, and their sum, which adds nothing."""
    random = np.random.default_rng(0)
    x = random.normal(size=(rows, 2))
    y = (x @ [1.0, -0.5] + random.logistic(size=rows) > 0).astype(int)
    return torch.from_numpy(np.column_stack([x, x.sum(1)])), torch.from_numpy(y)


@pytest.mark.parametrize("penalty", ["none", 1.0])
def test_columns_that_repeat_others_do_not_fail(penalty: object) -> None:
    """Probabilities are scikit-learn's, also without a penalty."""
    rows = noisy()
    model, found = trained(rows, penalty=penalty)
    expected = oracle(rows, None if penalty == "none" else 1.0).predict_proba(rows[0].numpy())[:, 1]
    assert found.converged
    assert model.linear.weight.isfinite().all()
    np.testing.assert_allclose(model(rows[0]).sigmoid()[:, 0].detach(), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("solver", ["newton", "lbfgs", "auto"])
def test_without_a_penalty_separable_rows_have_no_optimum(solver: str) -> None:
    """That is said, and not iterated for ever."""
    x = torch.tensor([[-2.0], [-1.0], [1.0], [2.0]]).double()
    with pytest.raises(FitError, match="separate the classes"):
        trained((x, torch.tensor([0, 0, 1, 1])), penalty="none", solver=solver)


@pytest.mark.parametrize("solver", ["newton", "lbfgs", "sgd"])
def test_nor_do_rows_that_are_separable_in_part(solver: str) -> None:
    """A category that occurs with one class alone."""
    x, y = noisy()
    one = (y == 1) & (torch.arange(len(y)) % 3 == 0)
    with pytest.raises(FitError, match="some of the train rows"):
        trained((torch.cat([x[:, :2], one[:, None].double()], 1), y), penalty="none", solver=solver)


@pytest.mark.parametrize("solver", ["newton", "lbfgs"])
def test_nor_does_one_of_three_classes_that_is_apart(solver: str) -> None:
    """As iris' setosa is from the others."""
    with pytest.raises(FitError, match="without a penalty"):
        trained(load(load_iris), penalty="none", solver=solver)


def test_one_row_far_away_is_no_separation() -> None:
    """Its logit may be what it likes."""
    x, y = noisy()
    x = x[:, :2].clone()
    x[0] = torch.tensor([200.0, 0.0]) if y[0] else torch.tensor([-200.0, 0.0])
    _, found = trained((x, y), penalty="none")
    assert found.converged


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
    model = LogisticRegression(x.shape[1], classes=3)
    ticks: list[float] = []
    settings = {"solver": "sgd", "penalty": 0.01, "batch_rows": 150, "learning_rate": 0.5, "epochs": 2000}
    found = fit(model, Arrays(x, y), Config(**settings), None, ticks.append)
    assert found.converged
    assert found.iterations == len(ticks) < 2000
    assert ticks[-1] <= GRADIENT_TOLERANCE < ticks[0]


@pytest.mark.parametrize("solver", ["newton", "lbfgs", "sgd"])
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


@pytest.mark.parametrize("penalty", [1.0, 100.0, 1e9])
def test_separable_rows_have_finite_weights(penalty: float) -> None:
    """A gap between the classes would push weights to infinity; the penalty stops them."""
    x = torch.tensor([[-2.0], [-1.0], [1.0], [2.0]]).double()
    y = torch.tensor([0, 0, 1, 1])
    model, found = trained((x, y), penalty=penalty)
    assert found.converged
    assert model.linear.weight.isfinite().all()
    assert ((model(x)[:, 0] > 0) == y).all()


def test_a_fit_that_ran_out_of_steps_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """At its limit lbfgs stops, tells the gradient, and does not claim to have converged."""
    monkeypatch.setattr(fitting, "MAX_ITERATIONS", 5)
    _, found = trained(load(load_breast_cancer), solver="lbfgs")
    assert (found.iterations, found.converged) == (5, False)
    assert found.gradient_norm > GRADIENT_TOLERANCE


def test_a_diverging_fit_is_an_error() -> None:
    """Weights that are not numbers are never returned."""
    with pytest.raises(FitError, match="sgd diverged at --learning-rate=1e\\+300"):
        trained(load(load_iris), solver="sgd", learning_rate=1e300, epochs=2)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("solver", ["newton", "lbfgs", "sgd"])
def test_cuda_finds_the_same_weights(solver: str) -> None:
    """A fit on the device ends where the one on the CPU does."""
    x, y = load(load_wine)
    expected, _ = trained((x, y), solver=solver, epochs=20)
    model = LogisticRegression(x.shape[1], classes=3).cuda()
    fit(model, Arrays(x.cuda(), y.cuda()), Config(solver=solver, epochs=20))
    torch.testing.assert_close(model.cpu().linear.weight, expected.linear.weight, rtol=0, atol=1e-5)


def test_a_class_that_few_rows_have_is_found_all_the_same() -> None:
    """Where a fit begins at the optimum of some rows, and they lack the class, weights of classes or not."""
    rows = THINNED * THINNED_ROWS + 5
    draw = np.random.default_rng(0)
    y = np.zeros(rows, np.int64)
    y[1 : 12 * THINNED : THINNED] = 1  # never where the fit looks first
    x = torch.from_numpy(draw.normal(size=(rows, 3)) + y[:, None])
    model = LogisticRegression(3, 2)
    found = fit(model, Arrays(x, torch.from_numpy(y)), Config(), torch.tensor([0.5, 5000.0]))
    assert found.converged
    assert found.iterations < 20
    assert (model.linear.weight > 0.3).all()


def test_a_fit_that_begins_with_some_rows_ends_where_all_want_it() -> None:
    """As scikit-learn's, also when the rows are sorted by their class."""
    rows = THINNED * THINNED_ROWS + 7
    draw = np.random.default_rng(0)
    x = draw.normal(size=(rows, 3))
    y = np.sort((x[:, 0] + draw.normal(size=rows) > 0).astype(np.int64))
    expected = oracle((torch.from_numpy(x), torch.from_numpy(y)), 1.0)
    model = LogisticRegression(3, 2)
    found = fit(model, Arrays(torch.from_numpy(x), torch.from_numpy(y)), Config())
    assert found.converged
    np.testing.assert_allclose(model.linear.weight.detach().numpy(), expected.coef_, rtol=0, atol=1e-6)
