"""The runtime: batches equal singles, explanations add up, and a wrong artifact is refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from models.repository import Artifact
from service.errors import StartError
from service.runtime import Runtime

DEVICES = ["cpu", pytest.param("cuda:0", marks=[pytest.mark.cuda])]


@pytest.fixture(scope="module", params=DEVICES)
def runtime(request: pytest.FixtureRequest, artifact: Artifact) -> Runtime:
    """The default model on each device that there is."""
    if request.param != "cpu" and not torch.cuda.is_available():
        pytest.skip("there is no CUDA device")
    return Runtime(artifact, request.param)


def rows(artifact: Artifact) -> np.ndarray:
    """The golden inputs, float32 [rows, inputs]."""
    return np.array([row.input for row in artifact.manifest.golden], np.float32)


def test_a_batch_equals_its_rows_one_by_one(runtime: Runtime, artifact: Artifact) -> None:
    """What shares a batch does not change an answer beyond float32's last digits."""
    batch = runtime.predict(rows(artifact))
    single = np.concatenate([runtime.predict(row[None]) for row in rows(artifact)])
    assert batch.dtype == np.float32
    np.testing.assert_allclose(batch, single, atol=1e-6)
    np.testing.assert_allclose(batch.sum(1), 1, atol=1e-6)


def test_an_explanation_adds_up_to_the_probability(runtime: Runtime, artifact: Artifact) -> None:
    """Intercept plus contributions is the logit, in float64, and its sigmoid the probability."""
    intercept, logit, contributions = runtime.explain(rows(artifact))
    assert intercept.dtype == logit.dtype == contributions.dtype == np.float64
    np.testing.assert_allclose(intercept + contributions.sum(2), logit, atol=1e-9)
    np.testing.assert_allclose(
        1 / (1 + np.exp(-logit[:, 0])), runtime.predict(rows(artifact))[:, 1], atol=1e-6
    )


def test_a_missed_golden_example_is_refused(artifact: Artifact) -> None:
    """A model that does not give its manifest's answers is not served."""
    first = artifact.manifest.golden[0]
    off = first.model_copy(update={"probabilities": (0.5, 0.5)})
    manifest = artifact.manifest.model_copy(update={"golden": (off, *artifact.manifest.golden[1:])})
    with pytest.raises(StartError, match="golden examples are missed by"):
        Runtime(replace(artifact, manifest=manifest), "cpu")


def test_weights_that_differ_from_the_module_are_refused(artifact: Artifact, tmp_path: Path) -> None:
    """model.pt and model.safetensors must hold the same numbers."""
    weights = load_file(artifact.path / "model.safetensors")
    weights["linear.bias"] = weights["linear.bias"] + 1
    save_file(weights, tmp_path / "model.safetensors")
    (tmp_path / "model.pt").write_bytes((artifact.path / "model.pt").read_bytes())
    with pytest.raises(StartError, match=r"its weights are not those of model\.safetensors"):
        Runtime(replace(artifact, path=tmp_path), "cpu")
