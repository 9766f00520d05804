"""The artifact's files: they answer as the trained module, and hold its weights."""

import io
import warnings
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import Tensor

from training import export as exporting
from training.config import Config
from training.dataset import Split
from training.errors import ExportError
from training.export import export, golden
from training.fit import fit
from training.model import LogisticRegression, scaling


class Forked(LogisticRegression):
    """Answers differently once it is scripted."""

    def forward(self, x: Tensor) -> Tensor:
        z = self.logits(x)
        if torch.jit.is_scripting():
            z = z + 0.01
        return torch.softmax(z * torch.arange(3), 1)


@pytest.fixture(params=[2, 3])
def fitted(request: pytest.FixtureRequest, clouds: tuple[np.ndarray, np.ndarray]) -> LogisticRegression:
    x, y = torch.from_numpy(clouds[0]), torch.from_numpy(clouds[1]).clamp(max=request.param - 1)
    model = LogisticRegression(*scaling(x), classes=request.param)
    fit(model, x, y, Config())
    return model.requires_grad_(requires_grad=False)


def load(content: bytes) -> torch.jit.ScriptModule:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return torch.jit.load(io.BytesIO(content))


def test_the_loaded_module_is_the_trained_one(
    fitted: LogisticRegression, clouds: tuple[np.ndarray, np.ndarray]
) -> None:
    """model.pt gives the eager module's probabilities within 1e-6, frozen or not."""
    x = torch.from_numpy(clouds[0])
    module = load(export(fitted, x)["model.pt"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        frozen = torch.jit.freeze(module.eval())
    for loaded in (module, frozen):
        torch.testing.assert_close(loaded(x), fitted(x), rtol=0, atol=1e-6)
        torch.testing.assert_close(loaded(x[:1]), fitted(x)[:1], rtol=0, atol=1e-6)


def test_both_files_hold_the_same_weights(
    fitted: LogisticRegression, clouds: tuple[np.ndarray, np.ndarray]
) -> None:
    """model.safetensors is exactly the scripted module's state, in float32."""
    files = export(fitted, torch.from_numpy(clouds[0]))
    state = load(files["model.pt"]).state_dict()
    weights = safetensors.torch.load(files["model.safetensors"])
    assert weights.keys() == state.keys() == {"mean", "scale", "linear.weight", "linear.bias"}
    for name, value in weights.items():
        assert value.dtype == torch.float32
        assert torch.equal(value, state[name])
        assert torch.equal(value, fitted.state_dict()[name])


def test_the_same_module_gives_the_same_files(
    fitted: LogisticRegression, clouds: tuple[np.ndarray, np.ndarray]
) -> None:
    """Exporting is reproducible byte by byte, so that a digest names a model."""
    x = torch.from_numpy(clouds[0])
    assert export(fitted, x) == export(fitted, x)


def test_golden_examples_are_rows_of_every_class(
    fitted: LogisticRegression, clouds: tuple[np.ndarray, np.ndarray]
) -> None:
    """They survive JSON exactly, show each class, and carry the eager module's answers."""
    classes = fitted(torch.zeros(1, 4)).shape[1]
    rows = Split(clouds[0], clouds[1].clip(max=classes - 1))
    examples = golden(fitted, rows)
    assert len(examples) == 12
    inputs = np.array([example.input for example in examples])
    assert (inputs.astype(np.float32).astype(np.float64) == inputs).all()
    where = [np.flatnonzero((rows.x == row).all(1))[0] for row in inputs.astype(np.float32)]
    assert set(rows.y[where]) == set(range(classes))
    answers = fitted(torch.from_numpy(inputs.astype(np.float32))).numpy()
    np.testing.assert_allclose([example.probabilities for example in examples], answers, rtol=0, atol=1e-6)


def test_a_module_that_scripting_changes_is_refused() -> None:
    """When the scripted answers differ from the eager ones, nothing is exported."""
    model = Forked(torch.zeros(2), torch.ones(2), classes=3)
    with pytest.raises(ExportError, match="scripted module's probabilities differ"):
        export(model.requires_grad_(requires_grad=False), torch.zeros(1, 2))


def test_torch_jit_is_called_in_one_file() -> None:
    """The deprecated part of torch stays where it can be replaced."""
    folder = Path(exporting.__file__).parent
    callers = {path.name for path in folder.glob("*.py") if "torch.jit." in path.read_text()}
    assert callers == {"export.py"}
