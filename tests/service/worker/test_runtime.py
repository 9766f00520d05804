"""The runtime: batches equal singles, explanations add up, and a wrong artifact is refused."""

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file
from torch import Tensor

from models.encode import Encoder, by_column
from models.errors import StoreError
from models.manifest import SERVED
from models.parts import File
from models.repository import Artifact, Repository
from service.errors import StartError
from service.worker.runtime import Runtime
from tests.service import mixed as by_hand

FORMAT1 = Path(__file__).parents[2] / "models" / "format1"


class Reversed(by_hand.Module):
    """Answers with the classes the other way round."""

    def forward(self, x: Tensor) -> Tensor:
        return self.answer(x).flip(1)


DEVICES = ["cpu", pytest.param("cuda:0", marks=[pytest.mark.cuda])]


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """The mixed model with three classes, and so three logits."""
    tensors = {
        name: np.concatenate([value, 2 * value, -value]) if name not in ("mean", "base") else value
        for name, value in by_hand.WEIGHTS.items()
    }
    return by_hand.publish(
        tmp_path_factory.mktemp("three"),
        tensors,
        classes=("a", "b", "c"),
        positive=None,
        abstain=None,
    )


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """The mixed model: a number, a truth and a category, each with gaps."""
    return by_hand.publish(tmp_path_factory.mktemp("two"))


@pytest.fixture(scope="module", params=["artifact", "two", "three", "first format"])
def served(request: pytest.FixtureRequest) -> Artifact:
    """The default model, mixed ones, and one that the first release wrote."""
    if request.param == "first format":
        return Repository(FORMAT1).resolve("toy")
    found: Artifact = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="module", params=DEVICES)
def runtime(request: pytest.FixtureRequest, served: Artifact) -> Runtime:
    """A model on each device that there is."""
    if request.param != "cpu" and not torch.cuda.is_available():
        pytest.skip("there is no CUDA device")
    return Runtime(served, request.param)


def of_folder(artifact: Artifact, folder: Path, **fields: Any) -> Artifact:
    """The artifact with the files of another folder, and other fields of the manifest where given."""
    found = {name: (folder / name).read_bytes() for name in SERVED}
    files = {
        name: File(sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content))
        for name, content in found.items()
    }
    return replace(
        artifact, path=folder, manifest=artifact.manifest.model_copy(update={"files": files} | fields)
    )


def rows(artifact: Artifact) -> np.ndarray:
    """The golden inputs, float32 [rows, inputs]."""
    cells = by_column([row.input for row in artifact.manifest.golden])
    return Encoder(artifact.manifest.inputs).encode(cells)


def test_a_batch_equals_its_rows_one_by_one(runtime: Runtime, served: Artifact) -> None:
    """What shares a batch does not change an answer beyond float32's last digits."""
    batch = runtime.predict(rows(served))
    single = np.concatenate([runtime.predict(row[None]) for row in rows(served)])
    assert batch.dtype == np.float32
    np.testing.assert_allclose(batch, single, atol=1e-6)
    np.testing.assert_allclose(batch.sum(1), 1, atol=1e-6)
    wanted = [row.probabilities for row in served.manifest.golden]
    np.testing.assert_allclose(batch, wanted, atol=1e-5)


def test_one_thread_scores_on_the_cpu(artifact: Artifact) -> None:
    """More only get in each other's way at this size."""
    torch.set_num_threads(2)
    Runtime(artifact, "cpu")
    assert torch.get_num_threads() == 1


def test_an_explanation_adds_up_to_the_probability(runtime: Runtime, served: Artifact) -> None:
    """Intercept plus contributions is the logit; of gaps, unseen and rare cells too."""
    contributions = runtime.contributions(rows(served))
    assert contributions.dtype == np.float64
    logits = runtime.intercept + contributions.sum(2)
    if logits.shape[1] == 1:
        logits = np.pad(logits, ((0, 0), (1, 0)))
    odds = np.exp(logits - logits.max(1, keepdims=True))
    np.testing.assert_allclose(odds / odds.sum(1, keepdims=True), runtime.predict(rows(served)), atol=1e-6)


def test_each_input_adds_what_the_format_says(two: Artifact) -> None:
    """A number its distance times the slope, a code its entry, a gap its constant."""
    found = Runtime(two, "cpu").contributions(rows(two))[:, 0]
    np.testing.assert_allclose(
        found,
        [
            [0.5 * (3.25 - 3.5), 1, 0.1],
            [0.25, -0.5, -0.4],
            [0.5 * (np.float32(-0.1) - 3.5), 0, 0.3],
            [0.25, 0, 0.3],
            [1, 1, -0.2],
        ],
        rtol=1e-6,
    )


def test_each_input_of_the_first_format_adds_its_weight_times_its_standardised_value() -> None:
    """As the first release did."""
    toy = Repository(FORMAT1).resolve("toy")
    weights = {name: value.astype(float) for name, value in load_file(toy.path / "model.safetensors").items()}
    runtime, x = Runtime(toy, "cpu"), rows(toy)
    standardised = (x - weights["mean"]) / weights["scale"]
    np.testing.assert_array_equal(runtime.intercept, weights["linear.bias"])
    np.testing.assert_allclose(runtime.contributions(x)[:, 0], weights["linear.weight"][0] * standardised)


def test_an_answer_that_the_weights_do_not_explain_is_refused(two: Artifact, tmp_path: Path) -> None:
    """The module's own golden answers do not help when it computes something else from its weights."""
    golden = tuple(
        row.model_copy(update={"probabilities": row.probabilities[::-1]}) for row in two.manifest.golden
    )
    for name, content in by_hand.files(by_hand.WEIGHTS, Reversed).items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(StartError, match="golden examples are missed by"):
        Runtime(of_folder(two, tmp_path, golden=golden), "cpu")


def test_other_tensors_than_the_formats_are_refused(served: Artifact, tmp_path: Path) -> None:
    """Explanations are made of the weights, so those must be what the format says."""
    weights = load_file(served.path / "model.safetensors")
    save_file({"weight": weights["mean"]}, tmp_path / "model.safetensors")
    shutil.copy(served.path / "model.pt", tmp_path)
    with pytest.raises(StoreError, match=r"model\.safetensors: wanted mean \[\d+\], "):
        Runtime(of_folder(served, tmp_path), "cpu")


def test_an_explanation_of_the_furthest_row_is_finite(runtime: Runtime, served: Artifact) -> None:
    """No float32 input makes an explanation that JSON cannot say."""
    furthest = np.finfo(np.float32).max
    for value in (-furthest, furthest):
        kinds = [item.kind for item in served.manifest.inputs]
        row = np.array([[0 if kind == "categorical" else value for kind in kinds]], np.float32)
        assert np.isfinite(runtime.contributions(row)).all()


def test_a_missed_golden_example_is_refused(artifact: Artifact) -> None:
    """A model that does not give its manifest's answers is not served."""
    first = artifact.manifest.golden[0]
    off = first.model_copy(update={"probabilities": (0.5, 0.5)})
    manifest = artifact.manifest.model_copy(update={"golden": (off, *artifact.manifest.golden[1:])})
    with pytest.raises(StartError, match="golden examples are missed by"):
        Runtime(replace(artifact, manifest=manifest), "cpu")


def test_golden_examples_that_are_no_rows_are_refused(two: Artifact) -> None:
    """The cell is named."""
    first = two.manifest.golden[0].model_copy(update={"input": (1, True, 7)})
    manifest = two.manifest.model_copy(update={"golden": (first,)})
    with pytest.raises(StartError, match=r"are no rows: 0, 'city': wanted a text$"):
        Runtime(replace(two, manifest=manifest), "cpu")


def test_weights_that_differ_from_the_module_are_refused(served: Artifact, tmp_path: Path) -> None:
    """model.pt and model.safetensors must hold the same numbers, each of them."""
    for name in load_file(served.path / "model.safetensors"):
        weights = load_file(served.path / "model.safetensors")
        if name == "base" or not weights[name].size:  # what the inputs say, and nothing
            continue
        weights[name] = weights[name] + 1
        save_file(weights, tmp_path / "model.safetensors")
        shutil.copy(served.path / "model.pt", tmp_path)
        with pytest.raises(StartError, match=r"its weights are not those of model\.safetensors"):
            Runtime(of_folder(served, tmp_path), "cpu")


@pytest.mark.parametrize("file", SERVED)
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
