"""Newton's method by Cholesky, with a line search. Knows nothing of the data."""

from collections.abc import Callable

import torch
from torch import Tensor

from training.problem import Problem

STEP_TOLERANCE = 1e-9
"""Largest component of a step, of weights beyond 1 in their proportion, at which it has converged: a gradient
of 1e-8 can leave errors of 1e-2 where the penalty is nearly nothing."""
GRADIENT_GONE = 1e-8
MAX_ITERATIONS = 200
HALVINGS = 40
SUFFICIENT = 1e-4  # of the decrease that the gradient promises: Armijo's usual number
ROUNDING = 1e-14  # of the objective: what float64 cannot tell
JITTER, FREE_JITTER = 1e-14, 1e-10
"""Of the largest curvature, with and without a penalty: without one collinear columns have no other."""


def minimise(problem: Problem, tick: Callable[[float], None]) -> tuple[int, bool]:
    """Minimise in place; return the iterations, and whether the last step was below the tolerance.

    Raises FitError as `Problem.refuse_separable`, without a penalty.
    """
    linear = problem.model.linear
    for iteration in range(1, MAX_ITERATIONS + 1):
        gradient = problem.gradient()
        step = direction(problem, gradient)
        largest = step.abs().max().item()
        bound = max(1.0, linear.weight.abs().max().item(), linear.bias.abs().max().item())
        tick(gradient.abs().max().item())
        if not problem.decay and iteration > 1:
            gone = gradient.abs().max() <= GRADIENT_GONE
            problem.refuse_separable(largest if gone else None)
        if not _descend(problem, gradient, step) or largest <= STEP_TOLERANCE * bound:
            return iteration, largest <= STEP_TOLERANCE * bound
    return MAX_ITERATIONS, False


def direction(problem: Problem, gradient: Tensor) -> Tensor:
    """Return -(H + penalty)⁻¹ gradient, [k, columns + 1], a little shortened where there is no curvature."""
    curvature = problem.hessian() + torch.diag(problem.ridge())
    jitter = (JITTER if problem.decay else FREE_JITTER) * curvature.diagonal().max()
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
    full = hessian + torch.diag(problem.ridge()) * rows
    full.diagonal().add_(FREE_JITTER * full.diagonal().max())
    inverse = torch.linalg.inv(full)
    found: Tensor = (inverse @ hessian @ inverse).diagonal().clamp(min=0).sqrt()
    return found.reshape(problem.model.linear.weight.shape[0], -1)
