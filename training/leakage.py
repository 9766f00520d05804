"""Which inputs tell the answer all alone, as what is written down afterwards does. Knows nothing of why."""

import numpy as np
import torch
from numpy.typing import NDArray

from training.batches import Arrays
from training.design import Design
from training.model import LogisticRegression
from training.newton import minimise
from training.problem import Problem
from training.rows import Rows

SHARE = 0.95
"""Of the baseline's log-loss on validation rows; one honest column of iris removes 93 %."""
PENALTY = 10.0  # weaker than the default, so that a category of 20 rows can show what it tells
MOST_ROWS = 10_000
"""Rows of a split that are enough to see it."""
MOST_WEIGHTS = 200
SMALLEST = 1e-9
"""What the baseline gives a class that train has no row of."""


def leaks(design: Design, train: Rows, validation: Rows, classes: int) -> list[tuple[str, float]]:
    """Return each input that removes SHARE of the baseline's log-loss or more, and how much of it.

    The baseline knows how often each class is in train. Of either split at most MOST_ROWS are looked at, by
    lot: files are often sorted by what is asked.
    """
    if not len(validation):
        return []
    train, validation = train.drawn(MOST_ROWS, 0), validation.drawn(MOST_ROWS, 0)
    y_train = train.classes()
    shares = np.bincount(y_train, minlength=classes) / len(y_train)
    if shares.max() == 1:  # the others are too rare for so few rows
        return []
    x, y = torch.from_numpy(design.matrix(train.cells())), torch.from_numpy(y_train)
    others, labels = (
        torch.from_numpy(design.matrix(validation.cells())),
        torch.from_numpy(validation.classes()),
    )
    found = []
    for part in design.parts:
        own = slice(part.first, part.first + len(part.names))
        model = LogisticRegression(len(part.names), classes).double()
        problem = Problem(model, Arrays(x[:, own], y), penalty=PENALTY)
        if problem.size > MOST_WEIGHTS:
            continue
        minimise(problem, lambda _: None)
        # On train rows too: a few validation rows may all be right by luck.
        removed = min(
            1
            - Problem(model, Arrays(columns[:, own], truth), penalty=None).evaluate().objective
            / _baseline(shares, truth)
            for columns, truth in ((x, y), (others, labels))
        )
        if removed >= SHARE:
            found.append((design.inputs[part.input].name, removed))
    return found


def _baseline(shares: NDArray[np.float64], y: torch.Tensor) -> float:
    """Return the log-loss of the train rows' class shares."""
    return float(-np.log(np.maximum(shares[y.numpy()], SMALLEST)).mean())
