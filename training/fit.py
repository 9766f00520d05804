"""Find the weights, by whichever solver was asked for. Knows nothing of files or of quality.

All minimise, over weights w and intercepts b, scikit-learn's objective divided by C and by the rows n:

    mean over rows of v(label) · -log p(label) + |w|^2 / (2 C n)

The intercept is free, and v is 1 without class weights. Starting from zero keeps the intercepts of more than
two classes centred, as scikit-learn's are: each step takes from some what it gives to others.
"""

import contextlib
import copy
import inspect
import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from models.cores import usable_cores
from training import newton
from training.batches import BLOCK_ROWS, Batches, every, whole
from training.config import Config
from training.errors import FitError
from training.model import LogisticRegression
from training.problem import Problem
from training.ranks import Ranks, local_size

GRADIENT_TOLERANCE = 1e-8
"""Largest component of the gradient at which sgd and lbfgs have converged: coefficients then agree with
scikit-learn's to about 1e-5 on the sets of the tests, and float64 still resolves it."""
MAX_ITERATIONS = 2000  # of lbfgs; 64 suffice on breast-cancer, more only help a penalty that is hardly there
HISTORY = 20  # pairs that lbfgs remembers
NEWTON_WEIGHTS = 1000
"""Up to so many weights newton is the quicker one: its matrix is as wide and as high.

Beyond, inputs that separate only some of the rows are not told."""
THINNED = 16
"""A fit begins at the optimum of every so many rows, which saves passes through all of them."""
THINNED_ROWS = 8192
"""From so many such rows on: fewer are far from the others' optimum, and no quicker."""
THINNED_TOLERANCE = 1e-3
"""Of a logit's change, as newton.STEP_TOLERANCE: the optimum of all rows is not so near."""
RARE_ROWS = 100
"""Of each class: fewer say too little of where it is."""
MOST_THINNED = 1 << 17
"""So many are near enough to it, however many others there are; they are held in memory."""


@dataclass(frozen=True)
class Fit:
    """How a search ended: `gradient_norm` is the objective's largest partial derivative.

    `tolerance` is what one more step's change of a logit (newton) or the gradient (the others) had to be
    below. `spread` is that of the weights as `newton.spread` finds it, [k, columns + 1]; None beyond
    NEWTON_WEIGHTS.
    """

    solver: str
    penalty: float | None
    iterations: int
    objective: float
    gradient_norm: float
    tolerance: float
    converged: bool
    spread: Tensor | None


def fit(
    model: LogisticRegression,
    batches: Batches,
    config: Config,
    weights: Tensor | None = None,
    tick: Callable[[float], None] = lambda _: None,
    ranks: Ranks | None = None,
) -> Fit:
    """Fit the module in place to rows, on their device.

    `weights` are those of the classes, [classes]; with several `ranks`, the rows are this one's. Works in
    float64, and adds up in one order, so that the same rows give the same bytes. Calls `tick` with the
    gradient's norm after each epoch of sgd or iteration. Raises FitError when the weights diverge, or there
    is no optimum without a penalty.
    """
    problem = Problem(model, batches, penalty=config.strength, weights=weights, ranks=ranks)
    solver = config.solver
    if solver == "auto":
        solver = "newton" if problem.size <= NEWTON_WEIGHTS else "lbfgs"
    curved = problem.size <= NEWTON_WEIGHTS
    with one_thread(), threads() as pool:
        if batches.rows > BLOCK_ROWS:
            problem.map = pool.map
        if solver == "newton":
            at, iterations, converged = newton.minimise(problem, tick, hessian=_begin(problem))
        else:
            if config.strength is None and curved:
                # The others stop somewhere on the way to infinity, and could not tell.
                trial = Problem(copy.deepcopy(model), batches, penalty=None, weights=weights, ranks=ranks)
                trial.map = problem.map
                newton.minimise(trial, lambda _: None)
            iterations = (sgd if solver == "sgd" else lbfgs)(problem, config, tick)
            at = problem.evaluate(curved=curved)
            converged = at.norm <= GRADIENT_TOLERANCE
        if not math.isfinite(at.norm):
            raise FitError(
                f"{solver} diverged at --learning-rate={config.learning_rate:g}, "
                f"--penalty={config.penalty}; lower the first or raise the second"
            )
        if config.strength is None:
            at.refuse_separable()
        tolerance = newton.STEP_TOLERANCE if solver == "newton" else GRADIENT_TOLERANCE
        spread = newton.spread(problem, at) if curved else None
    return Fit(solver, config.strength, iterations, at.objective, at.norm, tolerance, converged, spread)


def _begin(problem: Problem) -> Tensor | None:
    """Go to the optimum of some of the rows, if there are many, under the same penalty a row.

    Return their Hessian, which is about as near to that of all rows as the one optimum to the other. A class
    of which few are there would send its intercept far off: then the start is where it is, and this None.
    """
    if problem.rows < THINNED * THINNED_ROWS:
        return None
    few = every(max(THINNED, problem.rows // MOST_THINNED), problem.batches)
    _, y = few.block(0, few.rows)
    counts = torch.bincount(y, minlength=problem.model.linear.out_features + problem.binary)
    counts = problem.ranks.sum(counts.double())
    if counts.min() < RARE_ROWS:
        return None
    own = copy.deepcopy(problem.model)
    penalty = 1 / (problem.decay * counts.sum().item()) if problem.penalised else None
    trial = Problem(own, few, penalty=penalty, weights=problem.weights, ranks=problem.ranks)
    trial.map = problem.map
    with contextlib.suppress(FitError):  # all rows may have an optimum where some have none
        at, _, _ = newton.minimise(trial, lambda _: None, THINNED_TOLERANCE)
        problem.model.set(own.linear.weight, own.linear.bias)
        return at.hessian
    return None


class _Light(torch.optim.Optimizer):
    """Torch's, without the wrappers that import its compiler, a second, only to keep it off these methods."""

    add_param_group = inspect.unwrap(torch.optim.Optimizer.add_param_group)
    zero_grad = inspect.unwrap(torch.optim.Optimizer.zero_grad)


class _LBFGS(_Light, torch.optim.LBFGS):
    """As above."""


class _SGD(_Light, torch.optim.SGD):
    """As above; its wrapper keeps gradients off the step too."""

    step = torch.no_grad()(inspect.unwrap(torch.optim.SGD.step))


def sgd(problem: Problem, config: Config, tick: Callable[[float], None]) -> int:
    """Run the loop of the lecture and return its epochs; `weight_decay` is the penalty's gradient."""
    model = problem.model
    x, y = whole(problem.batches)
    loader = DataLoader(
        TensorDataset(x, problem.targets(y)),
        batch_size=config.batch_rows,
        shuffle=True,
        generator=torch.Generator().manual_seed(config.seed),
    )
    penalised: dict[str, Any] = {"params": [model.linear.weight], "weight_decay": problem.decay}
    free: dict[str, Any] = {"params": [model.linear.bias]}
    optimizer = _SGD([penalised, free], lr=config.learning_rate)
    for epoch in range(1, config.epochs + 1):
        for x, target in loader:
            loss = problem.criterion(model(x), target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        norm = problem.evaluate(curved=False).norm
        tick(norm)
        if norm <= GRADIENT_TOLERANCE:
            return epoch
    return config.epochs


def lbfgs(problem: Problem, _config: Config, tick: Callable[[float], None]) -> int:
    """Minimise with L-BFGS over all rows at once and return its iterations."""
    weight, bias = problem.model.linear.weight, problem.model.linear.bias
    optimizer = _LBFGS(
        problem.model.parameters(),
        max_iter=MAX_ITERATIONS,
        tolerance_grad=GRADIENT_TOLERANCE,
        tolerance_change=0,  # only the gradient says that it is done
        history_size=HISTORY,
        line_search_fn="strong_wolfe",
    )

    def evaluate() -> float:
        at = problem.evaluate(curved=False)
        weight.grad, bias.grad = at.gradient[:, :-1].contiguous(), at.gradient[:, -1].contiguous()
        tick(at.norm)
        return at.objective

    optimizer.step(evaluate)  # type: ignore[no-untyped-call]  # as above
    iterations: int = optimizer.state[weight]["n_iter"]
    return iterations


def unweighted(bias: NDArray[np.float64], weights: Tensor | None) -> NDArray[np.float64]:
    """Return intercepts [k] under which probabilities are those of the data, as no class weighs more."""
    if weights is None:
        return bias
    first, last = weights.tolist()
    return bias - math.log(last / first)


def threads() -> ThreadPoolExecutor:
    """Return a pool of one thread a core, each of which computes on its own core only."""
    return ThreadPoolExecutor(max(1, usable_cores() // local_size()), "fit", torch.set_num_threads, (1,))


@contextmanager
def one_thread() -> Iterator[None]:
    """Have torch add up in one order, so that the same rows give the same bytes."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
