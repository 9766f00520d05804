"""The objective: its derivatives are those that autograd finds."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields

import pytest
import torch

from training import newton
from training.batches import Arrays, whole
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
    own = None if weights is None else torch.tensor(weights)
    return Problem(model, Arrays(x, y), penalty=penalty, weights=own)


def objective(problem: Problem, theta: torch.Tensor) -> torch.Tensor:
    """The objective at weights and intercepts [k, width], by torch's own loss."""
    x, y = whole(problem.batches)
    loss: torch.Tensor = problem.criterion(x @ theta[:, :-1].T + theta[:, -1], problem.targets(y))
    return loss + problem.decay / 2 * theta[:, :-1].square().sum()


@pytest.mark.parametrize(("classes", "weights"), CASES)
def test_the_gradient_is_autograds(classes: int, weights: list[float] | None) -> None:
    """Weights and intercepts, with and without class weights."""
    problem = drawn(classes, weights)
    theta = problem.theta.requires_grad_()
    value = objective(problem, theta)
    (expected,) = torch.autograd.grad(value, theta)
    at = problem.evaluate(curved=False)
    torch.testing.assert_close(at.gradient, expected)
    assert at.objective == pytest.approx(value.item(), rel=1e-14)
    assert at.hessian is None


@pytest.mark.parametrize(("classes", "weights"), CASES)
def test_the_hessian_is_autograds(classes: int, weights: list[float] | None) -> None:
    """With the penalty's diagonal beside it."""
    problem = drawn(classes, weights)
    start = problem.theta

    def of_flat(flat: torch.Tensor) -> torch.Tensor:
        return objective(problem, flat.reshape(start.shape))

    expected = torch.autograd.functional.hessian(of_flat, start.flatten())
    torch.testing.assert_close(problem.evaluate().hessian + torch.diag(problem.ridge()), expected)


def test_spread_without_a_penalty_is_the_inverse_information() -> None:
    """What statistics calls the standard errors of the coefficients."""
    problem = drawn(2, None, penalty=None)
    at, _, _ = newton.minimise(problem, lambda _: None)
    expected = torch.linalg.inv(at.hessian * 40).diagonal().sqrt()
    torch.testing.assert_close(newton.spread(problem, at)[0], expected)


def test_a_penalty_makes_the_spread_narrower() -> None:
    """As it holds the weights back."""
    free, held = (
        newton.spread(problem, newton.minimise(problem, lambda _: None)[0])
        for problem in (drawn(2, None, penalty=None), drawn(2, None, penalty=0.01))
    )
    assert (held[0, :3] < free[0, :3]).all()


@pytest.mark.parametrize("classes", [2, 3])
def test_blocks_and_threads_change_no_bit(classes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """More blocks than lanes, on one thread and on four: the sums are added up in one order."""
    monkeypatch.setattr("training.problem.BLOCK_ROWS", 2)
    problem = drawn(classes, None)
    alone = problem.evaluate(torch.ones_like(problem.theta))
    with ThreadPoolExecutor(4) as pool:
        problem.map = pool.map
        together = problem.evaluate(torch.ones_like(problem.theta))
    for field in fields(alone):
        one, other = getattr(alone, field.name), getattr(together, field.name)
        assert torch.equal(torch.as_tensor(one), torch.as_tensor(other))
    monkeypatch.undo()
    problem.map = map
    torch.testing.assert_close(alone.gradient, problem.evaluate().gradient, rtol=1e-12, atol=1e-15)


def test_no_logit_is_changed_by_more_than_the_longest_row_allows() -> None:
    """Its length, the intercept's one counted, times the step's bounds what a step moves."""
    problem = drawn(2, None)
    at = problem.evaluate(step := torch.ones_like(problem.theta), measured=True)
    x, _ = problem.batches.block(0, 40)
    assert at.longest == pytest.approx(x.norm(dim=1).max().item())
    assert at.moved <= at.longest * step.norm().item()
