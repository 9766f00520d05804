"""Newton's method by Cholesky, with a line search. Knows nothing of the data."""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from training.problem import Point, Problem

STEP_TOLERANCE = 1e-9
"""Largest change of a logit, of logits beyond 1 in their proportion, at which it has converged: a gradient of
1e-8 can leave errors of 1e-2 where the penalty is nearly nothing, and weights of collinear columns wander."""
FLAT = 1e-5
"""Steps that change no logit by more in all leave the Hessian as it is, and most of a pass is for it."""
MAX_ITERATIONS = 200
HALVINGS = 40
NOTHING = 1e-13
"""Of the objective: where a step promises less, float64 can tell no better weights."""
SUFFICIENT = 1e-4  # of the decrease that the gradient promises: Armijo's usual number
ROUNDING = 1e-14  # of the objective: what float64 cannot tell
JITTER = 1e-14  # of the largest curvature: what several classes have in common has none
INDISTINCT = 1e-9
"""Of the largest curvature: a direction with less is one that the rows do not tell apart."""


def minimise(
    problem: Problem,
    tick: Callable[[float], None],
    tolerance: float = STEP_TOLERANCE,
    hessian: Tensor | None = None,
) -> tuple[Point, int, bool]:
    """Minimise in place; return the end, the iterations, and whether the last step was too small to matter.

    `hessian` is about that of the start, where it is known. A last step that cannot matter is taken without a
    look at where it leads: the end that is returned is then the one before. Raises FitError as
    `Point.refuse_separable`, without a penalty.
    """
    at, changed = problem.evaluate(curved=hessian is None, measured=True), 0.0
    longest = at.longest
    if hessian is not None:
        at, changed = replace(at, hessian=hessian), 1.0
    for iteration in range(1, MAX_ITERATIONS + 1):
        step = direction(problem, at)
        tick(at.norm)
        most = longest * step.norm(dim=1).max().item()  # no logit is changed by more
        if most <= tolerance * max(at.farthest, 1):
            problem.set(problem.theta + step)
            return at, iteration, True
        changed += most
        promised = -(at.gradient * step).sum().item()
        there, lower = _descend(problem, at, step, promised, curved=changed > FLAT)
        if there.hessian is None:
            there = replace(there, hessian=at.hessian)
        else:
            changed = 0.0
        if not problem.penalised:
            there.refuse_separable()
        settled = there.moved <= tolerance * max(at.farthest, 1)
        settled |= promised <= NOTHING * at.objective
        if not lower or settled:
            return there if lower else at, iteration, settled
        at = there
    return at, MAX_ITERATIONS, False


def direction(problem: Problem, at: Point) -> Tensor:
    """Return -(H + penalty)⁻¹ gradient, [k, width], a little shortened where there is no curvature."""
    assert at.hessian is not None  # noqa: S101 - it was asked for
    curvature = at.hessian + torch.diag(problem.ridge())
    jitter = JITTER * curvature.diagonal().max()
    curvature.diagonal().add_(jitter)
    while True:
        factor, failed = torch.linalg.cholesky_ex(curvature)
        if not failed:
            step = -torch.cholesky_solve(at.gradient.reshape(-1, 1), factor).reshape(at.gradient.shape)
            # What all of several classes have in common changes no probability.
            return step if problem.binary else step - step.mean(0)
        jitter *= 100
        curvature.diagonal().add_(jitter)


def _descend(
    problem: Problem, at: Point, step: Tensor, promised: float, *, curved: bool
) -> tuple[Point, bool]:
    """Take as much of the step as lowers the objective; return the last point, and False if none does."""
    theta, length = problem.theta, 1.0
    for _ in range(HALVINGS):
        problem.set(theta + length * step)
        there = problem.evaluate(step, curved=curved)
        rounding = ROUNDING * abs(at.objective)
        if there.objective <= at.objective - SUFFICIENT * length * promised + rounding:
            return there, True
        length /= 2
    problem.set(theta)
    return there, False


def spread(problem: Problem, at: Point) -> Tensor:
    """Return each weight's standard deviation under the penalty, [k, width]; its bias is not counted.

    The square root of the diagonal of (H + λ)⁻¹ H (H + λ)⁻¹, where H is the log-likelihood's Hessian at the
    optimum and λ the penalty's.
    """
    assert at.hessian is not None  # noqa: S101 - as above
    hessian = at.hessian * problem.rows
    # What columns or classes have in common, where nothing tells it apart, has no spread: no plain inverse.
    penalty = torch.diag(problem.ridge()) * problem.rows
    inverse = torch.linalg.pinv(hessian + penalty, rtol=INDISTINCT, hermitian=True)
    found: Tensor = (inverse @ hessian @ inverse).diagonal().clamp(min=0).sqrt()
    return found.reshape(at.gradient.shape)
