"""The model as arrays in and arrays out. Knows nothing of HTTP, frames or processes."""

import warnings

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

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

    Frozen weights are constants, so no call records anything for autograd: `inference_mode` would only cost.
    """

    def __init__(self, artifact: Artifact, device: str) -> None:
        """Load, cross-check and warm up the model.

        Raises StartError when weights and TorchScript disagree, or a golden example is missed.
        """
        self.manifest = artifact.manifest
        self.device = torch.device(device)
        if self.device.type == "cpu":
            torch.set_num_threads(1)  # more only get in each other's way at this size
        with warnings.catch_warnings():
            # torch.jit is deprecated since 2.13; the artifact's canonical weights outlive it.
            warnings.simplefilter("ignore", DeprecationWarning)
            path = str(artifact.path / "model.pt")
            module = torch.jit.load(path, map_location=self.device).eval()  # type: ignore[no-untyped-call]
            self._compare_weights(module, artifact)
            frozen = torch.jit.freeze(module, preserved_attrs=["explain"])
        # The methods themselves: to call the module looks for hooks first, in every call.
        self._forward, self._explain = frozen.forward, frozen.explain
        self._check_golden(artifact.manifest)
        columns = len(artifact.manifest.inputs)
        for rows in WARM_UP_ROWS:
            for _ in range(3):
                blank = np.zeros((rows, columns), np.float32)
                self.predict(blank)
                self.explain(blank)

    def predict(self, rows: Floats) -> Floats:
        """Return probabilities, float32 [rows, classes], of raw inputs, float32 [rows, inputs]."""
        result: Floats = self._forward(torch.from_numpy(rows).to(self.device)).cpu().numpy()
        return result

    def explain(self, rows: Floats) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Return intercept [k], logit [rows, k] and contributions [rows, k, inputs] of raw inputs.

        k is 1 for two classes and the number of classes otherwise; intercept + contributions = logit.
        """
        logit, intercept, contributions = self._explain(torch.from_numpy(rows).to(self.device))
        return intercept.cpu().numpy(), logit.cpu().numpy(), contributions.cpu().numpy()

    def _compare_weights(self, module: torch.jit.ScriptModule, artifact: Artifact) -> None:
        weights = load_file(artifact.path / "model.safetensors", device=str(self.device))
        state = module.state_dict()
        if weights.keys() != state.keys() or not all(
            torch.equal(weights[key], state[key]) for key in weights
        ):
            raise StartError(f"{artifact.path / 'model.pt'}: its weights are not those of model.safetensors")

    def _check_golden(self, manifest: Manifest) -> None:
        inputs = np.array([row.input for row in manifest.golden], np.float32)
        expected = np.array([row.probabilities for row in manifest.golden])
        found = self.predict(inputs)
        worst = float(np.abs(found - expected).max()) if found.shape == expected.shape else float("inf")
        if not worst <= GOLDEN_TOLERANCE:
            raise StartError(
                f"{manifest.name}/{manifest.version}/manifest.json: golden examples are missed "
                f"by {worst:.3g}, more than {GOLDEN_TOLERANCE:g}"
            )
