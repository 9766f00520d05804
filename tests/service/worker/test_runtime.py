"""The runtime: batches equal singles, explanations add up, and a wrong artifact is refused."""

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from models.errors import StoreError
from models.manifest import FILES, File, Golden
from models.repository import Artifact, Repository
from service.errors import StartError
from service.worker.runtime import WEIGHTS, Runtime
from training.export import export
from training.model import LogisticRegression


class Doubled(LogisticRegression):
    """Answers with twice the logit that its weights give."""

    def forward(self, x: Tensor) -> Tensor:
        both = 2 * self.logits(x)
        return torch.cat([-both, both], 1).sigmoid()


DEVICES = ["cpu", pytest.param("cuda:0", marks=[pytest.mark.cuda])]


@pytest.fixture(scope="module", params=DEVICES)
def runtime(request: pytest.FixtureRequest, artifact: Artifact) -> Runtime:
    """The default model on each device that there is."""
    if request.param != "cpu" and not torch.cuda.is_available():
        pytest.skip("there is no CUDA device")
    return Runtime(artifact, request.param)


def of_folder(artifact: Artifact, folder: Path, **fields: Any) -> Artifact:
    """The artifact with the files of another folder, and other fields of the manifest where given."""
    found = {name: (folder / name).read_bytes() for name in FILES}
    files = {
        name: File(sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content))
        for name, content in found.items()
    }
    return replace(
        artifact, path=folder, manifest=artifact.manifest.model_copy(update={"files": files} | fields)
    )


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


def test_one_thread_scores_on_the_cpu(artifact: Artifact) -> None:
    """More only get in each other's way at this size."""
    torch.set_num_threads(2)
    Runtime(artifact, "cpu")
    assert torch.get_num_threads() == 1


def test_an_explanation_adds_up_to_the_probability(runtime: Runtime, artifact: Artifact) -> None:
    """Intercept plus contributions is the logit, and its sigmoid the probability."""
    contributions = runtime.contributions(rows(artifact))
    assert contributions.dtype == np.float64
    logit = runtime.intercept + contributions.sum(2)
    np.testing.assert_allclose(
        1 / (1 + np.exp(-logit[:, 0])), runtime.predict(rows(artifact))[:, 1], atol=1e-6
    )


def test_each_input_adds_its_weight_times_its_standardised_value(
    artifact: Artifact, wine_store: Path
) -> None:
    """The contributions are those of the formula, for two classes, which share a logit, and for three."""
    for served in (artifact, Repository(wine_store).resolve("wine")):
        weights = load_file(served.path / "model.safetensors")
        mean, scale, weight, bias = (weights[name].double().numpy() for name in WEIGHTS)
        x, runtime = rows(served), Runtime(served, "cpu")
        np.testing.assert_array_equal(runtime.intercept, bias)
        found = runtime.contributions(x)
        assert found.shape == (len(x), len(bias), x.shape[1])
        for logit, own in enumerate(weight):
            np.testing.assert_allclose(found[:, logit], own * ((x - mean) / scale))


def test_an_answer_that_the_weights_do_not_explain_is_refused(artifact: Artifact, tmp_path: Path) -> None:
    """The module's own golden answers do not help when it computes something else from its weights."""
    row = torch.tensor([artifact.manifest.golden[0].input])
    inputs = row.shape[1]
    module = Doubled(torch.zeros(inputs), torch.ones(inputs), classes=2).requires_grad_(requires_grad=False)
    module.linear.weight.fill_(1e-4)
    for name, content in export(module, row).items():
        (tmp_path / name).write_bytes(content)
    golden = Golden(input=tuple(row[0].tolist()), probabilities=tuple(module(row)[0].tolist()))
    with pytest.raises(StartError, match="golden examples are missed by"):
        Runtime(of_folder(artifact, tmp_path, golden=(golden,)), "cpu")


def test_other_tensors_than_the_formats_are_refused(artifact: Artifact, tmp_path: Path) -> None:
    """Explanations are made of the weights, so those must be what the format says."""
    weights = load_file(artifact.path / "model.safetensors")
    save_file({"weight": weights["linear.weight"]}, tmp_path / "model.safetensors")
    (tmp_path / "model.pt").write_bytes((artifact.path / "model.pt").read_bytes())
    with pytest.raises(
        StartError, match=r"model\.safetensors: wanted mean \[30\], .*linear\.weight \[1, 30\]"
    ):
        Runtime(of_folder(artifact, tmp_path), "cpu")


def test_an_explanation_of_the_furthest_row_is_finite(runtime: Runtime, artifact: Artifact) -> None:
    """No float32 input makes an explanation that JSON cannot say."""
    furthest = np.finfo(np.float32).max
    for value in (-furthest, furthest):
        row = np.full((1, len(artifact.manifest.inputs)), value, np.float32)
        assert np.isfinite(runtime.contributions(row)).all()


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
        Runtime(of_folder(artifact, tmp_path), "cpu")


@pytest.mark.parametrize("file", FILES)
def test_a_file_that_is_replaced_after_it_was_verified_is_not_loaded(
    artifact: Artifact, tmp_path: Path, file: str
) -> None:
    """What is loaded are bytes that the manifest names, not whatever the path leads to by then."""
    shutil.copytree(artifact.path, tmp_path / "copy")
    content = bytearray((artifact.path / file).read_bytes())
    content[-1] ^= 1
    (tmp_path / "copy" / file).write_bytes(content)
    with pytest.raises(StoreError, match=rf"/copy/{file}: its sha256 is not the one in manifest\.json$"):
        Runtime(replace(artifact, path=tmp_path / "copy"), "cpu")
