"""The model as arrays in and arrays out. Knows nothing of HTTP, frames or processes."""

import io
import warnings

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load

from models import weights as stored
from models.encode import CellError, Encoder, by_column
from models.manifest import Manifest
from models.repository import Artifact
from service.errors import StartError

GOLDEN_TOLERANCE = 1e-5
"""float32 on another device, or in another batch size, differs by about 1e-6; a wrong model by far more."""
WARM_UP_ROWS = (1, 2, 64)
"""TorchScript's profiling executor specialises in its first calls; they happen before anyone waits."""

Floats = NDArray[np.float32]


class Runtime:
    """One verified version of a model, on one device.

    Frozen weights are constants, so no call records anything for autograd. Who enters `inference_mode` once,
    for all calls, saves a fifth of each all the same; to enter it in each call would only cost.
    """

    def __init__(self, artifact: Artifact, device: str) -> None:
        """Load, cross-check and warm up the model.

        Raises StartError when weights and TorchScript disagree, or a golden example is missed, StoreError
        when a file is no longer the verified one.
        """
        self.manifest = artifact.manifest
        self.device = torch.device(device)
        self._elsewhere = self.device.type != "cpu"
        """Whether rows have to be moved: to ask a tensor costs as much as to move it."""
        if not self._elsewhere:
            torch.set_num_threads(1)  # more only get in each other's way at this size
        with warnings.catch_warnings():
            # torch.jit is deprecated since 2.13; the artifact's canonical weights outlive it.
            warnings.simplefilter("ignore", DeprecationWarning)
            content = io.BytesIO(artifact.read("model.pt"))
            module = torch.jit.load(content, map_location=self.device).eval()  # type: ignore[no-untyped-call]
            self.weights = _verified_weights(module, artifact)
            # The method itself: to call the module looks for hooks first, in every call.
            self._forward = torch.jit.freeze(module).forward
        self.intercept = self.weights.bias
        self._check_golden(artifact.manifest)
        columns = len(artifact.manifest.inputs)
        for rows in WARM_UP_ROWS:
            for _ in range(3):
                blank = np.zeros((rows, columns), np.float32)
                self.predict(blank)
                self.contributions(blank)

    def predict(self, rows: Floats) -> Floats:
        """Return probabilities, float32 [rows, classes], of raw inputs, float32 [rows, inputs]."""
        given = torch.from_numpy(rows)
        if self._elsewhere:
            given = given.to(self.device)
        result: Floats = self._forward(given).numpy(force=self._elsewhere)
        return result

    def contributions(self, rows: Floats) -> NDArray[np.float64]:
        """Return what each of the raw inputs adds to the logits, float64 [rows, k, inputs].

        As `models/weights.py` says, by format; with `intercept` [k] the sum is the logit. k is 1 for two
        classes and the number of classes otherwise.
        """
        # From the weights, by NumPy: a tenth of the time that a method of the module takes.
        return self.weights.contributions(rows)

    def _check_golden(self, manifest: Manifest) -> None:
        where = f"{manifest.name}/{manifest.version}/manifest.json: golden examples"
        try:
            inputs = Encoder(manifest.inputs).encode(by_column([row.input for row in manifest.golden]))
        except CellError as error:
            row, place = divmod(error.place, len(manifest.inputs))
            name = manifest.inputs[place].name
            raise StartError(f"{where} are no rows: {row}, {name!a}: {error}") from None
        expected = np.array([row.probabilities for row in manifest.golden])
        contributions = self.contributions(inputs)
        explained = stored.probabilities(self.intercept + contributions.sum(2))
        # The module adds up in float32, which errs by as much as the largest sum of magnitudes has.
        float32_error = np.finfo(np.float32).eps * np.abs(contributions).sum(2).max()
        for found, tolerance in (
            (self.predict(inputs), GOLDEN_TOLERANCE),
            (explained, GOLDEN_TOLERANCE + float32_error),
        ):
            worst = float(np.abs(found - expected).max()) if found.shape == expected.shape else float("inf")
            if not worst <= tolerance:
                raise StartError(f"{where} are missed by {worst:.3g}, more than {tolerance:.3g}")


def _verified_weights(module: torch.jit.ScriptModule, artifact: Artifact) -> stored.Weights:
    """Return the weights, which the module must hold too; it may hold more, made of them."""
    tensors = load(artifact.read("model.safetensors"))
    weights = stored.read(artifact.manifest, tensors)
    state = {name: value.cpu().numpy() for name, value in module.state_dict().items()}
    if not all(name in state and np.array_equal(tensors[name], state[name]) for name in tensors):
        raise StartError(f"{artifact.path / 'model.pt'}: its weights are not those of model.safetensors")
    return weights
