"""What `model.safetensors` holds, as NumPy computes with it. Knows nothing of torch.

The logits of a row are its bias and what each input adds: slope · (x - mean), or `missing` where x is NaN;
for a categorical input, whose x is a code, the entry `base` + x of the table.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from models.decision import logit_count
from models.errors import StoreError
from models.inputs import Categorical
from models.manifest import Manifest

NO_TABLE = -1
"""The base of an input that is no category."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Weights:
    """mean [inputs], slope and missing [k, inputs], base [inputs], table [k, places], bias [k]."""

    mean: Floats
    slope: Floats
    missing: Floats
    base: NDArray[np.int64]
    table: Floats
    bias: Floats

    @cached_property
    def _coded(self) -> list[int]:
        """The places of the categorical inputs."""
        found: list[int] = np.flatnonzero(self.base != NO_TABLE).tolist()
        return found

    def contributions(self, rows: NDArray[np.float32]) -> Floats:
        """Return what each input adds to the logits, [rows, k, inputs], of encoded rows [rows, inputs]."""
        found: Floats = (rows - self.mean)[:, None] * self.slope
        if math.isnan(found.sum()):
            found = np.where(np.isnan(found), self.missing, found)
        for place in self._coded:
            codes = self.base[place] + rows[:, place].astype(np.int64)
            found[:, :, place] = self.table[:, codes].T
        return found

    def logits(self, rows: NDArray[np.float32]) -> Floats:
        """Return [rows, k]."""
        found: Floats = self.bias + self.contributions(rows).sum(2)
        return found


def probabilities(logits: Floats) -> Floats:
    """Return [rows, classes] of logits [rows, k]; one logit is the last class's, and the first's is 0."""
    if logits.shape[1] == 1:
        logits = np.pad(logits, ((0, 0), (1, 0)))
    found: Floats = np.exp(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))
    return found


def shapes(manifest: Manifest) -> dict[str, tuple[int, ...]]:
    """Return the tensors that `model.safetensors` must hold, by name; in format 2, `base` is int64."""
    inputs, k = len(manifest.inputs), logit_count(len(manifest.classes))
    if manifest.schema_version == 1:
        return {"mean": (inputs,), "scale": (inputs,), "linear.weight": (k, inputs), "linear.bias": (k,)}
    places = sum(item.places for item in manifest.inputs if isinstance(item, Categorical))
    return {
        "mean": (inputs,),
        "slope": (k, inputs),
        "missing": (k, inputs),
        "base": (inputs,),
        "table": (k, places),
        "bias": (k,),
    }


def bases(inputs: tuple[object, ...]) -> NDArray[np.int64]:
    """Return where each input's part of the table begins, or NO_TABLE."""
    found, place = [], 0
    for item in inputs:
        found.append(place if isinstance(item, Categorical) else NO_TABLE)
        place += item.places if isinstance(item, Categorical) else 0
    return np.array(found, np.int64)


def read(manifest: Manifest, tensors: Mapping[str, NDArray[np.float32]]) -> Weights:
    """Return the weights of a version of either format.

    Raises StoreError when the tensors are not those of the manifest's inputs and classes.
    """
    wanted = shapes(manifest)
    if {name: value.shape for name, value in tensors.items()} != wanted:
        text = ", ".join(f"{name} {list(shape)}" for name, shape in wanted.items())
        raise StoreError(f"{manifest.name}/{manifest.version}/model.safetensors: wanted {text}")
    wide = {name: value.astype(np.float64) for name, value in tensors.items()}
    base = bases(manifest.inputs)
    if manifest.schema_version == 1:
        slope = wide["linear.weight"] / wide["scale"]
        empty = np.zeros((len(slope), 0))
        return Weights(wide["mean"], slope, np.zeros_like(slope), base, empty, wide["linear.bias"])
    if not np.array_equal(tensors["base"], base):
        raise StoreError(f"{manifest.name}/{manifest.version}/model.safetensors: base is not the inputs'")
    return Weights(wide["mean"], wide["slope"], wide["missing"], base, wide["table"], wide["bias"])
