"""Newton's method by Cholesky, with a line search. Knows nothing of the data."""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from training.problem import Point, Problem

STEP_TOLERANCE = 1e-9
"""Largest change of a logit, of logits beyond 1 in their proportion, that one more step would make where it
has converged: a gradient of 1e-8 can leave errors of 1e-2 where the penalty is nearly nothing, and weights of
collinear columns wander."""
MAX_ITERATIONS = 200
HALVINGS = 40
NOTHING = 1e-13
"""Of the objective: where a step promises less, float64 can tell no better weights."""
FLAT = 1e-12
"""Of the objective: a step that promises less moves logits by a millionth, and keeps the Hessian as it is."""
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

    `hessian` is about that of the start, where it is known: most of a pass is for it. Raises FitError as
    `Point.refuse_separable`, without a penalty.
    """
    at = problem.evaluate(curved=hessian is None)
    at = at if hessian is None else replace(at, hessian=hessian)
    for iteration in range(1, MAX_ITERATIONS + 1):
        step = problem.ranks.same(direction(problem, at))
        tick(at.norm)
        promised = -(at.gradient * step).sum().item()
        nothing = promised <= NOTHING * at.objective
        flat = promised <= FLAT * at.objective
        there, lower = _descend(problem, at, step, promised, curved=not flat)
        if flat:
            there = replace(there, hessian=at.hessian)
        if not problem.penalised:
            there.refuse_separable()
        # Where logits moved by at most d, and differences of two by 2 d, curvatures change by such a share,
        # and the next step is such a share of this one.
        settled = nothing or (2 * there.moved) ** 2 <= tolerance * max(at.farthest, 1)
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
        taken = theta + length * step
        problem.model.set(taken[:, :-1], taken[:, -1])
        there = problem.evaluate(step, curved=curved)
        rounding = ROUNDING * abs(at.objective)
        if there.objective <= at.objective - SUFFICIENT * length * promised + rounding:
            return there, True
        length /= 2
    problem.model.set(theta[:, :-1], theta[:, -1])
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
