"""Find the weights: the lecture's loop and a full-batch solver. Knows nothing of files or of quality.

Both minimise, over weights w and intercepts b, scikit-learn's objective divided by C and by the rows n:

    mean over rows of -log p(label) + |w|^2 / (2 C n)

The intercept is free. Starting from zero keeps the intercepts of more than two classes centred, as
scikit-learn's are: each step takes from some what it gives to others.
"""

import inspect
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from training.config import Config
from training.errors import FitError
from training.model import LogisticRegression

GRADIENT_TOLERANCE = 1e-8
"""Largest component of the gradient at which a fit has converged: coefficients then agree with
scikit-learn's to about 1e-5 on the sets of the tests, and float64 still resolves it."""
MAX_ITERATIONS = 2000  # of lbfgs; 64 suffice on breast-cancer, more only help a penalty that is hardly there
HISTORY = 20  # pairs that lbfgs remembers


@dataclass(frozen=True)
class Fit:
    """How a search ended: `gradient_norm` is the objective's largest partial derivative."""

    iterations: int
    objective: float
    gradient_norm: float
    converged: bool


@dataclass(frozen=True)
class Problem:
    """What both solvers minimise: float64 inputs [rows, inputs], targets, and the penalty per row."""

    model: LogisticRegression
    x: Tensor
    targets: Tensor
    criterion: nn.Module
    decay: float

    def objective(self) -> Tensor:
        """Compute the module docstring's formula, a float64 scalar."""
        loss: Tensor = self.criterion(self.model.logits(self.x), self.targets)
        return loss + self.decay / 2 * self.model.linear.weight.square().sum()

    def gradient_norm(self) -> float:
        """Compute the objective's largest absolute partial derivative."""
        gradients = torch.autograd.grad(self.objective(), list(self.model.parameters()))
        return torch.stack([gradient.abs().max() for gradient in gradients]).max().item()


def fit(
    model: LogisticRegression, x: Tensor, y: Tensor, config: Config, tick: Callable[[], None] = lambda: None
) -> Fit:
    """Fit the module in place to raw inputs [rows, inputs] and class indices, int64 [rows], on its device.

    Works in float64 on one thread, so that the same rows give the same bytes, and leaves float32 weights.
    Calls `tick` after each epoch of sgd or evaluation of lbfgs. Raises FitError when the weights diverge.
    """
    binary = model.linear.out_features == 1
    problem = Problem(
        model.double(),
        x.double(),
        y.double().unsqueeze(1) if binary else y,
        nn.BCEWithLogitsLoss() if binary else nn.CrossEntropyLoss(),
        decay=1 / (config.penalty * len(x)),
    )
    with _one_thread():
        iterations = (sgd if config.solver == "sgd" else lbfgs)(problem, config, tick)
        objective, norm = problem.objective().item(), problem.gradient_norm()
    model.float()
    if not math.isfinite(norm):
        raise FitError(
            f"{config.solver} diverged at --learning-rate={config.learning_rate:g}, "
            f"--penalty={config.penalty:g}; lower the first or raise the second"
        )
    return Fit(iterations, objective, norm, converged=norm <= GRADIENT_TOLERANCE)


class _LBFGS(torch.optim.LBFGS):
    """Torch's, without the wrappers that import its compiler, a second, only to keep it off these methods."""

    add_param_group = inspect.unwrap(torch.optim.LBFGS.add_param_group)
    zero_grad = inspect.unwrap(torch.optim.LBFGS.zero_grad)


def sgd(problem: Problem, config: Config, tick: Callable[[], None]) -> int:
    """Run the loop of the lecture and return its epochs; `weight_decay` is the penalty's gradient."""
    model = problem.model
    loader = DataLoader(
        TensorDataset(problem.x, problem.targets),
        batch_size=config.batch_rows,
        shuffle=True,
        generator=torch.Generator().manual_seed(config.seed),
    )
    penalised: dict[str, Any] = {"params": [model.linear.weight], "weight_decay": problem.decay}
    free: dict[str, Any] = {"params": [model.linear.bias]}
    optimizer = torch.optim.SGD([penalised, free], lr=config.learning_rate)
    for epoch in range(1, config.epochs + 1):
        for x, target in loader:
            loss = problem.criterion(model.logits(x), target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        tick()
        if problem.gradient_norm() <= GRADIENT_TOLERANCE:
            return epoch
    return config.epochs


def lbfgs(problem: Problem, _config: Config, tick: Callable[[], None]) -> int:
    """Minimise with L-BFGS over all rows at once and return its iterations."""
    weight = problem.model.linear.weight
    optimizer = _LBFGS(
        problem.model.parameters(),
        max_iter=MAX_ITERATIONS,
        tolerance_grad=GRADIENT_TOLERANCE,
        tolerance_change=0,  # only the gradient says that it is done
        history_size=HISTORY,
        line_search_fn="strong_wolfe",
    )

    def evaluate() -> float:
        optimizer.zero_grad()
        objective = problem.objective()
        objective.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        tick()
        return objective.item()

    optimizer.step(evaluate)  # type: ignore[no-untyped-call]  # as above
    iterations: int = optimizer.state[weight]["n_iter"]
    return iterations


@contextmanager
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
