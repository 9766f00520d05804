"""What Triton's Python backend runs: the model on all requests of a batch at once."""

from typing import Any

import numpy as np
import torch
import triton_python_backend_utils as triton  # type: ignore[import-not-found] # only Triton has it

from tests.bench import torchscript


class TritonPythonModel:
    """By the names that Triton looks for."""

    def initialize(self, _: dict[str, str]) -> None:
        """Load the model."""
        self.model = torchscript.load()

    def execute(self, requests: list[Any]) -> list[Any]:
        """Answer each request with its rows' probabilities."""
        rows = [triton.get_input_tensor_by_name(request, "features").as_numpy() for request in requests]
        with torch.inference_mode():
            probabilities = self.model(torch.from_numpy(np.concatenate(rows))).numpy()
        parts = np.split(probabilities, np.cumsum([len(part) for part in rows])[:-1])
        return [triton.InferenceResponse([triton.Tensor("probabilities", part)]) for part in parts]
