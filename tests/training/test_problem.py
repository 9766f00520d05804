"""The objective: its derivatives are those that autograd finds."""

import pytest
import torch

from training import newton
from training.model import LogisticRegression
from training.problem import Problem

CASES = [(2, None), (2, [3.0, 0.25]), (3, None), (5, None)]


def drawn(classes: int, weights: list[float] | None, penalty: float | None = 0.7) -> Problem:
    """A problem of 40 rows and 3 columns, somewhere off its optimum."""
    generator = torch.Generator().manual_seed(classes)
    x = torch.randn((40, 3), generator=generator).double()
    y = torch.randint(0, classes, (40,), generator=generator)
    model = LogisticRegression(3, classes).double()
    k = len(model.linear.bias)
    model.set(torch.randn((k, 3), generator=generator), torch.randn(k, generator=generator))
    return Problem(model, x, y, penalty=penalty, weights=None if weights is None else torch.tensor(weights))


@pytest.mark.parametrize(("classes", "weights"), CASES)
def test_the_gradient_is_autograds(classes: int, weights: list[float] | None) -> None:
    """Weights and intercepts, with and without class weights."""
    problem = drawn(classes, weights)
    weight, bias = torch.autograd.grad(problem.objective(), list(problem.model.parameters()))
    torch.testing.assert_close(problem.gradient(), torch.cat([weight, bias[:, None]], 1))


@pytest.mark.parametrize(("classes", "weights"), CASES)
def test_the_hessian_is_autograds(classes: int, weights: list[float] | None) -> None:
    """With the penalty's diagonal beside it."""
    problem = drawn(classes, weights)
    linear = problem.model.linear
    start = torch.cat([linear.weight, linear.bias[:, None]], 1).detach()

    def objective(flat: torch.Tensor) -> torch.Tensor:
        own = flat.reshape(start.shape)
        z = problem.x @ own[:, :-1].T + own[:, -1]
        return problem.criterion(z, problem.targets) + problem.decay / 2 * own[:, :-1].square().sum()

    expected = torch.autograd.functional.hessian(objective, start.flatten())
    torch.testing.assert_close(problem.hessian() + torch.diag(problem.ridge()), expected)


def test_spread_without_a_penalty_is_the_inverse_information() -> None:
    """What statistics calls the standard errors of the coefficients."""
    problem = drawn(2, None, penalty=None)
    newton.minimise(problem, lambda _: None)
    expected = torch.linalg.inv(problem.hessian() * 40).diagonal().sqrt()
    torch.testing.assert_close(newton.spread(problem)[0], expected)


def test_a_penalty_makes_the_spread_narrower() -> None:
    """As it holds the weights back."""
    free, held = drawn(2, None, penalty=None), drawn(2, None, penalty=0.01)
    for problem in (free, held):
        newton.minimise(problem, lambda _: None)
    assert (newton.spread(held)[0, :3] < newton.spread(free)[0, :3]).all()
