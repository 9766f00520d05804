"""Turn the served module into the files of an artifact. Knows nothing of the store or of fitting.

Nothing else in `training` calls torch.jit: it is deprecated since torch 2.13, and one day this file is
replaced. Until then its warning is ignored here, where it is called.
"""

import io
import warnings
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save
from torch import Tensor

from models.encode import Encoder, by_column
from models.inputs import Categorical, Cell, Input
from models.manifest import Golden
from training.errors import ExportError
from training.scorer import Scorer

PARITY_TOLERANCE = 1e-6
"""Largest difference between eager, scripted and frozen: the same float32 operations in another order."""
GOLDEN_ROWS = 12  # enough to catch a wrong column, few enough to read in the manifest
UNSEEN = "never seen"


def export(scorer: Scorer, x: Tensor) -> dict[str, bytes]:
    """Script the module, check its answers on raw inputs, float32 [rows, inputs], and serialise it.

    `model.pt` is not frozen: freezing makes constants of the weights, so they would stay on one device; the
    service freezes after it loaded. That too is checked here. Raises ExportError when an answer differs by
    more than PARITY_TOLERANCE.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        scripted = torch.jit.script(scorer.eval())
        frozen = torch.jit.freeze(scripted)
        with torch.inference_mode():
            for form, module in {"scripted": scripted, "frozen": frozen}.items():
                if not torch.allclose(module(x), scorer(x), rtol=0, atol=PARITY_TOLERANCE):
                    raise ExportError(f"the {form} module's probabilities differ from the trained one's")
        buffer = io.BytesIO()
        torch.jit.save(scripted, buffer)
    weights = {name: value.contiguous() for name, value in scripted.state_dict().items()}
    return {"model.pt": buffer.getvalue(), "model.safetensors": save(weights)}


def chosen(rows: NDArray[np.signedinteger], y: NDArray[np.signedinteger]) -> list[int]:
    """Return about GOLDEN_ROWS of the rows, the first of every class; `y` [all rows] are the classes."""
    own = y[rows]
    classes = np.unique(own)
    share = max(1, GOLDEN_ROWS // len(classes))
    return [row for index in classes for row in rows[own == index][:share].tolist()]


@torch.inference_mode()
def golden(scorer: Scorer, inputs: Sequence[Input], rows: Sequence[Sequence[Cell]]) -> tuple[Golden, ...]:
    """Give the eager module's answers to rows of cells, and to some with what is not usual.

    These are the first row once more with each input missing, unseen or rare that may be so.
    """
    cells = [list(row) for row in rows]
    cells += _unusual(inputs, cells[0])
    raw = torch.from_numpy(Encoder(inputs).encode(by_column(cells)))
    answers = [scorer(row[None])[0].tolist() for row in raw]
    return tuple(
        Golden(input=tuple(row), probabilities=tuple(answer))
        for row, answer in zip(cells, answers, strict=True)
    )


def _unusual(inputs: Sequence[Input], usual: list[Cell]) -> list[list[Cell]]:
    missing = [None if item.missing.admitted else cell for item, cell in zip(inputs, usual, strict=True)]
    unseen: list[Cell] = [
        _unseen(item) if isinstance(item, Categorical) else cell
        for item, cell in zip(inputs, usual, strict=True)
    ]
    rare: list[Cell] = [
        item.rare[0] if isinstance(item, Categorical) and item.rare else cell
        for item, cell in zip(inputs, usual, strict=True)
    ]
    return [row for row in (missing, unseen, rare) if row != usual]


def _unseen(item: Categorical) -> Cell:
    known = [*item.categories, *item.rare]
    if item.of_integers:
        return int(max(known)) + 1
    text = UNSEEN
    while text in known:
        text += "!"
    return text
