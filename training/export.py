"""Turn a fitted module into the files of an artifact. Knows nothing of the store or of fitting.

Nothing else in `training` calls torch.jit: it is deprecated since torch 2.13, and one day this file is
replaced. Until then its warning is ignored here, where it is called.
"""

import io
import warnings

import torch
from safetensors.torch import save
from torch import Tensor

from models.manifest import Golden
from training.dataset import Split
from training.errors import ExportError
from training.model import LogisticRegression

PARITY_TOLERANCE = 1e-6
"""Largest difference between eager, scripted and frozen: the same float32 operations in another order."""
GOLDEN_ROWS = 12  # enough to catch a wrong column, few enough to read in the manifest


def export(model: LogisticRegression, x: Tensor) -> dict[str, bytes]:
    """Script the module, check its answers on raw inputs, float32 [rows, inputs], and serialise it.

    `model.pt` is not frozen: freezing makes constants of the weights, so they would stay on one device; the
    service freezes after it loaded. That too is checked here. Raises ExportError when an answer differs by
    more than PARITY_TOLERANCE.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        scripted = torch.jit.script(model.eval())
        frozen = torch.jit.freeze(scripted)
        with torch.inference_mode():
            for form, module in {"scripted": scripted, "frozen": frozen}.items():
                if not torch.allclose(module(x), model(x), rtol=0, atol=PARITY_TOLERANCE):
                    raise ExportError(f"the {form} module's probabilities differ from the trained one's")
        buffer = io.BytesIO()
        torch.jit.save(scripted, buffer)
    weights = {name: value.contiguous() for name, value in scripted.state_dict().items()}
    return {"model.pt": buffer.getvalue(), "model.safetensors": save(weights)}


@torch.inference_mode()
def golden(model: LogisticRegression, rows: Split) -> tuple[Golden, ...]:
    """Take about GOLDEN_ROWS examples, the first rows of every class, with the eager module's answers."""
    classes = int(rows.y.max()) + 1
    share = max(1, GOLDEN_ROWS // classes)
    x = [row for index in range(classes) for row in rows.x[rows.y == index][:share]]
    return tuple(
        Golden(input=tuple(row.tolist()), probabilities=tuple(model(torch.from_numpy(row[None]))[0].tolist()))
        for row in x
    )
