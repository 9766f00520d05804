"""`python -m tests.bench.training.arrays`: from arrays in memory to weights, beside scikit-learn.

Prints JSON. All take turns in one process, with as many threads each. Knows nothing of files.
"""

import json
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn import linear_model
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from models.cores import usable_cores
from models.inputs import Input, Missing, Numeric, NumericReference
from tests.bench.training import rows
from tests.bench.training.rows import Integers, Raw
from tests.bench.training.table import DEFAULT, OURS, SAME, Search
from training import design as designs
from training.config import Config
from training.fit import fit
from training.model import LogisticRegression
from training.rows import Blocks, Rows

SOLVERS = ("lbfgs", "newton-cholesky", "newton-cg")
TOLERANCES = (DEFAULT, 1e-5, 1e-6, 1e-7, 1e-8)
"""scikit-learn's, from its default on."""
MOST_ITERATIONS = 10_000
BLOCK_ROWS = 1 << 14
"""Rows that are looked at at once: their transpose stays in a core's cache."""

Floats = NDArray[np.float64]
Weights = tuple[Floats, float]
"""What multiplies the inputs as they are, float64 [inputs], and the intercept."""


def main() -> None:
    """Measure as many rounds of as many rows of as many inputs as the arguments say."""
    count, inputs, rounds = map(int, sys.argv[1:])
    torch.set_num_threads(usable_cores())
    x, y = rows.arrays(count, inputs)
    with threadpool_limits(usable_cores()):
        found = _measured(_runs(x, y), rounds)
    sys.stdout.write(json.dumps([asdict(each) for each in found]))


def _runs(x: Raw, y: Integers) -> dict[str, tuple[Callable[[], Weights], float, float]]:
    """Return what to measure, with tolerance and objective: each has run once, and is warm.

    A solver of scikit-learn's is measured as it comes, and with the first tolerance that finds our objective.
    """
    ours = partial(logitserve, x, y)
    best = objective(x, y, *ours())
    runs = {OURS: (ours, 0.0, best)}
    for given in (x, x.astype(np.float64)):
        for solver in SOLVERS:
            for tolerance in TOLERANCES:
                run = partial(scikit_learn, given, y, solver, tolerance)
                reached = objective(x, y, *run())
                same = reached - best <= SAME * best
                if same or tolerance == DEFAULT:
                    runs[f"{solver}, {given.dtype}, tol {tolerance:g}"] = run, tolerance, reached
                if same:
                    break
    return runs


def _measured(runs: dict[str, tuple[Callable[[], Weights], float, float]], rounds: int) -> list[Search]:
    found = []
    for number in range(rounds):
        for name, (run, tolerance, reached) in runs.items():
            wall, cpu = time.perf_counter(), time.process_time()
            run()
            taken = time.perf_counter() - wall, time.process_time() - cpu
            found.append(Search(number, name, tolerance, *taken, reached))
    return found


def logitserve(x: Raw, y: Integers) -> Weights:
    """Scale and fit as training does, from columns that are made of the rows; the weights are as served."""
    columns = _columns(x)
    classes, codes = np.unique(y, return_inverse=True)
    design = designs.make(_inputs(len(columns)), columns)
    model = LogisticRegression(len(columns), len(classes))
    fit(model, Blocks(Rows(columns, codes), design, torch.device("cpu")), Config())
    linear = model.linear
    tensors = design.weights(linear.weight.detach().numpy(), linear.bias.detach().numpy())
    slope = tensors["slope"][0].astype(np.float64)
    return slope, float(tensors["bias"][0]) - float(slope @ tensors["mean"].astype(np.float64))


def _columns(x: Raw) -> tuple[Raw, ...]:
    columns = np.empty((x.shape[1], len(x)), np.float32)

    def turn(start: int) -> None:
        columns[:, start : start + BLOCK_ROWS] = x[start : start + BLOCK_ROWS].T

    with ThreadPoolExecutor(usable_cores()) as pool:
        list(pool.map(turn, range(0, len(x), BLOCK_ROWS)))
    return tuple(columns)


def _inputs(count: int) -> tuple[Input, ...]:
    """Return numbers without gaps; what their rows held is not looked for, as scikit-learn does not."""
    reference = NumericReference(rows=1, missing=0, mean=0, std=0, min=0, max=0, bins=None)
    missing = Missing(admitted=False, imputed_by=None)
    return tuple(
        Numeric(name=f"x{place}", unit=None, missing=missing, reference=reference) for place in range(count)
    )


def scikit_learn(x: NDArray[np.floating], y: Integers, solver: str, tolerance: float) -> Weights:
    """Scale and fit as scikit-learn's users do."""
    scaler = StandardScaler()
    scaled = scaler.fit_transform(x)
    model = linear_model.LogisticRegression(C=1, solver=solver, tol=tolerance, max_iter=MOST_ITERATIONS)
    model.fit(scaled, y)
    slope = model.coef_[0].astype(np.float64) / scaler.scale_
    return slope, float(model.intercept_[0]) - float(slope @ scaler.mean_)


def objective(x: Raw, y: Integers, weight: Floats, bias: float) -> float:
    """Return scikit-learn's objective at C = 1, divided by the rows, in float64 over all rows."""
    loss, mean = 0.0, x.mean(0, np.float64)
    scale = np.sqrt(sum(np.square(block - mean).sum(0) for block in _blocks(x)) / len(x))
    for block, labels in zip(_blocks(x), _blocks(y), strict=True):
        logits = block.astype(np.float64) @ weight + bias
        loss += np.logaddexp(0, np.where(labels == 1, -logits, logits)).sum()
    return float(loss + np.square(weight * scale).sum() / 2) / len(x)


def _blocks(values: NDArray[np.generic]) -> list[NDArray[np.generic]]:
    return [values[start : start + BLOCK_ROWS] for start in range(0, len(values), BLOCK_ROWS)]


if __name__ == "__main__":
    main()
