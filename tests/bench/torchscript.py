"""The model that every target loads, as the baselines load it. Knows nothing of HTTP or manifests."""

import os
import warnings
from pathlib import Path
from typing import Any

import torch


def load() -> Any:
    """Load version 1 of `breast-cancer` from the store at SERVICE_MODEL_STORE, on one torch thread.

    The module takes float32 [rows, 30] and gives float32 probabilities [rows, 2].
    """
    torch.set_num_threads(1)
    path = Path(os.environ["SERVICE_MODEL_STORE"], "breast-cancer", "1", "model.pt")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # torch.jit, since 2.13
        return torch.jit.freeze(torch.jit.load(str(path)).eval())
