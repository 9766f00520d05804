"""Newton's method by Cholesky, with a line search. Knows nothing of the data."""

from collections.abc import Callable

import torch
from torch import Tensor

from training.problem import Problem

STEP_TOLERANCE = 1e-9
"""Largest change of a logit, of logits beyond 1 in their proportion, at which it has converged: a gradient of
1e-8 can leave errors of 1e-2 where the penalty is nearly nothing, and weights of collinear columns wander."""
MAX_ITERATIONS = 200
HALVINGS = 40
NOTHING = 1e-13
"""Of the objective: where a step promises less, float64 can tell no better weights."""
SUFFICIENT = 1e-4  # of the decrease that the gradient promises: Armijo's usual number
ROUNDING = 1e-14  # of the objective: what float64 cannot tell
JITTER = 1e-14  # of the largest curvature: what several classes have in common has none
INDISTINCT = 1e-9
"""Of the largest curvature: a direction with less is one that the rows do not tell apart."""


def minimise(problem: Problem, tick: Callable[[float], None]) -> tuple[int, bool]:
    """Minimise in place; return the iterations, and whether the last step was too small to matter.

    Raises FitError as `Problem.refuse_separable`, without a penalty.
    """
    for iteration in range(1, MAX_ITERATIONS + 1):
        gradient = problem.gradient()
        step = direction(problem, gradient)
        moved = problem.moved(step)
        tick(gradient.abs().max().item())
        if not problem.penalised:
            problem.refuse_separable(moved)
        settled = bool(moved.abs().max() <= STEP_TOLERANCE * problem.farthest().clamp(min=1))
        settled |= -(gradient * step).sum().item() <= NOTHING * problem.objective().item()
        if not _descend(problem, gradient, step) or settled:
            return iteration, settled
    return MAX_ITERATIONS, False


def direction(problem: Problem, gradient: Tensor) -> Tensor:
    """Return -(H + penalty)⁻¹ gradient, [k, columns + 1], a little shortened where there is no curvature."""
    curvature = problem.hessian() + torch.diag(problem.ridge())
    jitter = JITTER * curvature.diagonal().max()
    curvature.diagonal().add_(jitter)
    while True:
        factor, failed = torch.linalg.cholesky_ex(curvature)
        if not failed:
            step = -torch.cholesky_solve(gradient.reshape(-1, 1), factor).reshape(gradient.shape)
            # What all of several classes have in common changes no probability.
            return step if problem.binary else step - step.mean(0)
        jitter *= 100
        curvature.diagonal().add_(jitter)


@torch.no_grad()
def _descend(problem: Problem, gradient: Tensor, step: Tensor) -> bool:
    """Take as much of the step as lowers the objective; return False if none does."""
    linear = problem.model.linear
    before, slope = problem.objective().item(), (gradient * step).sum().item()
    weight, bias = linear.weight.clone(), linear.bias.clone()
    length = 1.0
    for _ in range(HALVINGS):
        problem.model.set(weight + length * step[:, :-1], bias + length * step[:, -1])
        after = problem.objective().item()
        if after <= before + SUFFICIENT * length * slope + ROUNDING * abs(before):
            return True
        length /= 2
    problem.model.set(weight, bias)
    return False


def spread(problem: Problem) -> Tensor:
    """Return each weight's standard deviation under the penalty, [k, columns + 1]; its bias is not counted.

    The square root of the diagonal of (H + λ)⁻¹ H (H + λ)⁻¹, where H is the log-likelihood's Hessian at the
    optimum and λ the penalty's.
    """
    rows = len(problem.x)
    hessian = problem.hessian() * rows
    # What columns or classes have in common, where nothing tells it apart, has no spread: no plain inverse.
    inverse = torch.linalg.pinv(hessian + torch.diag(problem.ridge()) * rows, rtol=INDISTINCT, hermitian=True)
    found: Tensor = (inverse @ hessian @ inverse).diagonal().clamp(min=0).sqrt()
    return found.reshape(problem.model.linear.weight.shape[0], -1)
