"""The L2 penalty, chosen by cross-validation along a path from strong to weak. Knows nothing of files.

In each fold the medians of gaps, means and scales are those of the rows that it learns from; which
categories have a place stays as it is. It begins with the strongest penalty, and with each next one where
the last one ended.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.inputs import Boolean, Categorical, Input, Missing
from models.record import Choice, Tried
from training import design as designs
from training import folds, newton
from training.batches import BLOCK_ROWS, Arrays
from training.calibrate import losses
from training.config import Config
from training.dataset import Dataset
from training.design import Floats, Raw
from training.errors import FitError
from training.fit import NEWTON_WEIGHTS, lbfgs, one_thread, threads, unweighted
from training.folds import Fold, Integers
from training.model import LogisticRegression
from training.problem import Map, Problem
from training.progress import Bar
from training.reference import ascending, median
from training.rows import Rows

STRENGTHS = tuple(10 ** (halves / 2) for halves in range(-8, 9))
"""scikit-learn's C in half decades, over the range of its LogisticRegressionCV: from where the weights are
nearly nothing to where the penalty is. Between two neighbours the log-loss hardly changes."""
FOLDS = 5
MOST_ROWS = 100_000
"""Train rows that are looked at: more hardly change the choice, and take longer than the fit itself."""


@dataclass(frozen=True)
class Sample:
    """Encoded train rows, float32 [rows, inputs], their class indices, int64 [rows], and what they are of.

    Rows of one of the `units`, int64 [rows], are never on two sides of a fold. `in_time` these sort as
    instants do, and what is scored is later than what is learnt from.
    """

    inputs: tuple[Input, ...]
    classes: tuple[str, ...]
    raw: Raw
    y: Integers
    units: Integers
    in_time: bool

    @classmethod
    def of(cls, config: Config, dataset: Dataset, inputs: tuple[Input, ...], train: Rows) -> "Sample":
        """Return the train rows that are looked at."""
        chosen = drawn(train.y, config.seed)
        few = train.take(chosen)
        raw, kind = few.raw(), dataset.split.kind
        if dataset.units is not None:
            together = dataset.units[dataset.parts["train"][chosen]]
        elif kind == "copies":  # repeated observations are each their own
            together = np.arange(len(raw))
        else:
            cells = (np.ascontiguousarray(raw) + np.float32(0)).view(f"V{raw.shape[1] * raw.itemsize}")[:, 0]
            together = np.unique(cells, return_inverse=True)[1]
        return cls(inputs, dataset.classes, raw, few.classes(), together, kind == "time")

    def take(self, rows: Integers) -> "Sample":
        """Return some of them."""
        return replace(self, raw=self.raw[rows], y=self.y[rows], units=self.units[rows])

    def folds(self, seed: int) -> list[Fold]:
        """Return the folds. Raises FitError for too few units, and where a fold can't learn a class."""
        try:
            if self.in_time:
                found = folds.forward(self.units, FOLDS)
            else:
                found = folds.together(self.y, self.units, FOLDS, seed)
        except ValueError as error:
            raise FitError(f"--penalty auto: {error}; --penalty 1 needs no folds") from error
        for learnt, _ in found:
            lacking = np.flatnonzero(np.bincount(self.y[learnt], minlength=len(self.classes)) == 0)
            if len(lacking):
                own = self.y == lacking[0]
                count = len(np.unique(self.units[own]))
                where = (
                    f"at {count} of the times"
                    if self.in_time
                    else f"in {count} of the units that stay together"
                )
                raise FitError(
                    f"--penalty auto: of {len(own)} train rows {own.sum()} are of class "
                    f"{self.classes[lacking[0]]!r}, {where}, and a fold leaves none to learn from; "
                    "--penalty 1 needs no folds"
                )
        return found


def drawn(y: NDArray[np.signedinteger], seed: int) -> Integers:
    """Return which train rows are looked at, MOST_ROWS at most, alike in their classes."""
    return folds.deal(y, -(-len(y) // MOST_ROWS), seed)[0]


def choose(
    config: Config, sample: Sample, weights: Tensor | None, device: torch.device, bar: Bar
) -> tuple[float, Choice]:
    """Return the C with the least mean over folds of the held-out log-loss, and how the others did.

    `weights` [classes] are those of two classes in the fits; what is scored are the probabilities of the data
    as they are. Raises FitError as `Sample.folds`.
    """
    found = sample.folds(config.seed)
    bar.stage("choosing the penalty", len(found) * len(STRENGTHS), len(found[-1][0]))
    with one_thread(), threads() as pool:
        scores = np.array(
            [list(_path(config, sample, fold, weights, device, pool.map, bar)) for fold in found]
        )
    means, errors = scores.mean(0), scores.std(0, ddof=1) / math.sqrt(len(found))
    path = tuple(
        Tried(penalty=strength, log_loss=mean, standard_error=error)
        for strength, mean, error in zip(STRENGTHS, means.tolist(), errors.tolist(), strict=True)
    )
    return STRENGTHS[int(means.argmin())], Choice(rows=len(sample.y), folds=len(found), path=path)


def doubts(strength: float | None, choice: Choice | None) -> tuple[str, ...]:
    """Return a sentence for a choice from an end of the path, beyond which nothing was tried."""
    if choice is None or strength is None:
        return ()
    took = f"--penalty auto took {strength:g}, the"
    if strength == choice.path[0].penalty:
        return (f"{took} strongest that it tries: the inputs hardly tell the classes apart",)
    if strength == choice.path[-1].penalty:
        return (f"{took} weakest that it tries: --penalty {10 * strength:g}, or none, goes on",)
    return ()


def refitted(inputs: tuple[Input, ...], raw: Raw) -> tuple[Input, ...]:
    """Return the inputs with what a missing value counts as in these rows, float32 [rows, inputs]."""
    return tuple(
        item
        if isinstance(item, Categorical) or not item.missing.admitted
        else item.model_copy(update={"missing": Missing(admitted=True, imputed_by=_imputed(item, column))})
        for item, column in zip(inputs, raw.T, strict=True)
    )


def _imputed(item: Input, column: Raw) -> float | bool:
    if isinstance(item, Boolean):
        return bool((column == 1).sum() > (column == 0).sum())
    return median(ascending(column))


def _path(
    config: Config,
    sample: Sample,
    fold: Fold,
    weights: Tensor | None,
    device: torch.device,
    threaded: Map,
    bar: Bar,
) -> Iterator[float]:
    """Fit a fold along the path; give the mean log-loss of the rows that it scores under each strength."""
    learnt, scored = (sample.take(part) for part in fold)
    design = designs.make(refitted(sample.inputs, learnt.raw), learnt.raw.T)
    x, y = torch.from_numpy(design.matrix(learnt.raw.T)), torch.from_numpy(learnt.y)
    batches, held_out = Arrays(x.to(device), y.to(device)), design.matrix(scored.raw.T)
    model = LogisticRegression(x.shape[1], len(sample.classes)).to(device)
    for strength in STRENGTHS:
        problem = Problem(model, batches, penalty=strength, weights=weights)
        problem.map = threaded if batches.rows > BLOCK_ROWS else map
        if problem.size <= NEWTON_WEIGHTS:
            at, _, _ = newton.minimise(problem, lambda _: None)
        else:
            lbfgs(problem, config, lambda _: None)
            at = problem.evaluate(curved=False)
        bar.step(at.norm)
        theta: Floats = problem.theta.cpu().numpy()
        bias = unweighted(theta[:, -1], weights)
        yield float(losses(held_out @ theta[:, :-1].T + bias, scored.y).mean())
