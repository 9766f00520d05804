"""The artifact's files: they answer as the trained module, and hold its weights."""

import io
import warnings
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import Tensor

from models.encode import Encoder, by_column
from models.inputs import Input
from training import design as designs
from training import export as exporting
from training import reference
from training.columns import MISSING, Categories, Column, Numbers, Truths
from training.errors import ExportError
from training.export import chosen, export, golden
from training.pipeline import served
from training.scorer import WEIGHTS, Scorer

ROWS = np.arange(90)
COLUMNS: list[Column] = [
    Numbers("width", np.where(ROWS % 7 == 3, np.nan, ROWS / 8)),
    Truths("new", (ROWS % 2).astype(np.int8), {}),
    Categories(
        "city", ("Bern", "Graz", "never seen"), np.where(ROWS > 84, 1, np.where((ROWS + 1) % 11, 0, MISSING))
    ),
    Categories("size", (3, 5, 8), ROWS % 3),
]
INPUTS: tuple[Input, ...] = reference.inputs(COLUMNS, ROWS, {})
PAIRS = zip(COLUMNS, INPUTS, strict=True)
RAW = np.stack([designs.encode(column, item) for column, item in PAIRS], 1).astype(np.float32)


class Forked(Scorer):
    """Answers differently once it is scripted."""

    def forward(self, x: Tensor) -> Tensor:
        z = x.sum(1, keepdim=True)
        if torch.jit.is_scripting():
            z = z + 0.01
        return torch.softmax(z * torch.arange(3), 1)


@pytest.fixture(params=[1, 3])
def fitted(request: pytest.FixtureRequest) -> Scorer:
    """A module of all kinds of inputs, for two classes and for three."""
    design = designs.make(INPUTS, RAW.T)
    random = np.random.default_rng(0)
    return served(design, random.normal(size=(request.param, len(design.columns))), np.zeros(request.param))


@pytest.fixture
def x() -> Tensor:
    """All rows, encoded."""
    return torch.from_numpy(RAW)


def load(content: bytes) -> torch.jit.ScriptModule:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return torch.jit.load(io.BytesIO(content))


def test_the_loaded_module_is_the_trained_one(fitted: Scorer, x: Tensor) -> None:
    """model.pt gives the eager module's probabilities within 1e-6, frozen or not."""
    module = load(export(fitted, x)["model.pt"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        frozen = torch.jit.freeze(module.eval())
    for loaded in (module, frozen):
        torch.testing.assert_close(loaded(x), fitted(x), rtol=0, atol=1e-6)


def test_both_files_hold_the_same_weights(fitted: Scorer, x: Tensor) -> None:
    """model.safetensors is exactly the scripted module's state."""
    files = export(fitted, x)
    state = load(files["model.pt"]).state_dict()
    weights = safetensors.torch.load(files["model.safetensors"])
    assert weights.keys() == state.keys() == set(WEIGHTS)
    for name, value in weights.items():
        assert value.dtype == (torch.int64 if name == "base" else torch.float32)
        assert torch.equal(value, state[name])


def test_the_same_module_gives_the_same_files(fitted: Scorer, x: Tensor) -> None:
    """Exporting is reproducible byte by byte, so that a digest names a model."""
    assert export(fitted, x) == export(fitted, x)


def test_golden_examples_are_rows_of_every_class_and_unusual_ones(fitted: Scorer) -> None:
    """Cells as a client sends them, with the eager module's answers; missing, unseen and rare ones too."""
    y = ROWS % len(fitted(torch.zeros(1, 4))[0])
    usual = [[column.cell(row) for column in COLUMNS] for row in ROWS]
    rows = chosen(ROWS[3:], y)
    assert sorted(rows) == list(range(3, 15))
    assert np.bincount(y[rows]).min() >= 12 // len(set(y))
    examples = golden(fitted, INPUTS, [usual[row] for row in chosen(ROWS, y)])
    assert sum(list(example.input) in usual for example in examples) >= 12
    first = usual[0]
    assert list(examples[-3].input) == [None, first[1], None, first[3]]
    assert list(examples[-2].input) == [first[0], first[1], "never seen", 9]
    assert list(examples[-1].input) == [first[0], first[1], "Graz", first[3]]
    answers = fitted(torch.from_numpy(Encoder(INPUTS).encode(by_column([each.input for each in examples]))))
    found = np.array([example.probabilities for example in examples])
    np.testing.assert_allclose(found, answers.numpy(), rtol=0, atol=1e-6)


def test_a_module_that_scripting_changes_is_refused(fitted: Scorer, x: Tensor) -> None:
    """When the scripted answers differ from the eager ones, nothing is exported."""
    model = Forked({name: getattr(fitted, name) for name in WEIGHTS}, gaps=False)
    with pytest.raises(ExportError, match="scripted module's probabilities differ"):
        export(model, x.nan_to_num())


def test_torch_jit_is_called_in_one_file() -> None:
    """The deprecated part of torch stays where it can be replaced."""
    folder = Path(exporting.__file__).parent
    callers = {path.name for path in folder.glob("*.py") if "torch.jit." in path.read_text()}
    assert callers == {"export.py"}
