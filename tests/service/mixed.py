"""A small mixed model, its module written by hand: a number, a truth and a category, each with gaps."""

import io
import warnings
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save
from torch import Tensor, nn

from models.artifact import Artifact
from models.encode import Encoder, by_column
from models.manifest import Golden, Manifest
from models.repository import Repository
from models.weights import Weights, probabilities

FROZEN = Path(__file__).parents[1] / "models" / "manifest.v2.json"
WEIGHTS = {
    "mean": np.array([3.5, 0, 0], np.float32),
    "slope": np.array([[0.5, 1, 0]], np.float32),
    "missing": np.array([[0.25, -0.5, 0]], np.float32),
    "base": np.array([-1, -1, 0]),
    "table": np.array([[0.1, -0.2, 0.3, 0.3, -0.4]], np.float32),
    "bias": np.array([-0.3], np.float32),
}
"""The table: two categories, the rare ones, unseen ones, missing ones."""


class Module(nn.Module):
    """What the format asks of a module, as its specification says it."""

    def __init__(self, tensors: dict[str, np.ndarray]) -> None:
        super().__init__()
        for name, value in tensors.items():
            self.register_buffer(name, torch.from_numpy(value))

    def forward(self, x: Tensor) -> Tensor:
        """Map encoded rows [rows, inputs] to probabilities [rows, classes]."""
        return self.answer(x)

    def answer(self, x: Tensor) -> Tensor:
        """Return what `forward` does."""
        numbers, codes = self.base < 0, self.base >= 0
        added = ((x[:, None] - self.mean) * self.slope).clamp(-1e18, 1e18)
        added = torch.where(added.isnan(), self.missing, added)[:, :, numbers]
        looked_up = self.table[:, x[:, codes].long() + self.base[codes]].sum(2).t()
        z = added.sum(2) + looked_up + self.bias
        if z.shape[1] == 1:
            z = torch.cat([torch.zeros_like(z), z], 1)
        return z.softmax(1)


def files(tensors: dict[str, np.ndarray], made: type[Module] = Module) -> dict[str, bytes]:
    """Return the files of a version with these weights."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        scripted = torch.jit.script(made(tensors).eval())
        buffer = io.BytesIO()
        torch.jit.save(scripted, buffer)
    return {"model.pt": buffer.getvalue(), "model.safetensors": save(tensors)}


def answers(tensors: dict[str, np.ndarray], manifest: Manifest) -> tuple[Golden, ...]:
    """Return the manifest's golden rows with the probabilities that these weights give."""
    wide = {name: value.astype(np.float64) for name, value in tensors.items()} | {"base": tensors["base"]}
    rows = Encoder(manifest.inputs).encode(by_column([row.input for row in manifest.golden]))
    found = probabilities(Weights(**wide).logits(rows)).tolist()
    return tuple(
        row.model_copy(update={"probabilities": tuple(given)})
        for row, given in zip(manifest.golden, found, strict=True)
    )


def publish(root: Path, tensors: dict[str, np.ndarray] = WEIGHTS, **fields: object) -> Artifact:
    """Publish the model in a store, with other weights or fields of the manifest where given."""
    frozen = Manifest.from_json(FROZEN.read_bytes()).model_copy(update=fields)
    golden = fields.get("golden", answers(tensors, frozen))
    return Repository(root).publish(
        frozen.name,
        files(tensors),
        lambda version, digests: frozen.model_copy(
            update={"version": version, "files": digests, "golden": golden}
        ),
    )
