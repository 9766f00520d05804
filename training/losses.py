"""The log-loss of a stored version on rows of a data set, by NumPy. Knows nothing of who compares it.

Only numbers are read of the version, from model.safetensors: none of its code runs.
"""

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from safetensors import SafetensorError

from models import weights
from models.errors import StoreError
from models.repository import Artifact
from training import columns, design, evaluate
from training.dataset import Dataset
from training.rows import Rows

HELD_CELLS = 1 << 22
"""What inputs add to logits, of so many cells at once: 32 MB."""

Floats = NDArray[np.float64]
Indices = NDArray[np.signedinteger]


def of_version(artifact: Artifact, data: Dataset, rows: Indices) -> Floats:
    """Return the log-loss of each of the rows, [rows], all of which the version takes.

    The data have its inputs, of its kinds. Raises StoreError where the version is not what its manifest
    says, or has weights that are no numbers.
    """
    manifest = artifact.manifest
    try:
        tensors = safetensors.numpy.load(artifact.read("model.safetensors"))
    except SafetensorError as error:
        raise StoreError(f"{artifact.path}/model.safetensors: {error}") from error
    if not all(np.isfinite(tensor).all() for tensor in tensors.values()):
        raise StoreError(f"{artifact.path}/model.safetensors: not all of its weights are finite")
    found = weights.read(manifest, tensors)
    named = {column.name: column for column in data.columns}
    encoded = []
    for item in manifest.inputs:
        encoded.append(design.encode(columns.take(named[item.name], rows), item))
        data.scratch.forget()
    own, losses = Rows(tuple(encoded), data.y[rows]), np.empty(len(rows))
    step = max(1, HELD_CELLS // found.slope.size)
    for start in range(0, len(rows), step):
        block = slice(start, start + step)
        answers = weights.probabilities(found.logits(own.raw(block)))
        losses[block] = evaluate.losses(answers, own.classes(block))
    return losses


def refused(artifact: Artifact, data: Dataset, rows: Indices) -> NDArray[np.bool_]:
    """Tell which of the rows the version does not take, as a cell is missing where it admits none."""
    named = {column.name: column for column in data.columns}
    found = np.zeros(len(rows), np.bool_)
    for item in artifact.manifest.inputs:
        if not item.missing.admitted:
            found |= columns.take(named[item.name], rows).empty()
            data.scratch.forget()
    return found
