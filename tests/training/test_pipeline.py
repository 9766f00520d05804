"""The stages together: what a run publishes, and what a failed one leaves."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from models.repository import Artifact, Repository
from training import dataset, pipeline
from training.config import Config
from training.errors import PublishError, SettingError
from training.progress import Bar


def publish(config: Config, **changes: object) -> Artifact:
    return pipeline.run(config.model_copy(update=changes), Bar()).artifact


def test_a_run_publishes_a_verified_version(toy: Config) -> None:
    """The store resolves what was published, with its settings, rows, metrics and examples."""
    published = publish(toy, threshold=0.45, penalty=2.0)
    found = Repository(toy.store).resolve("toy")
    manifest = found.manifest
    assert found == published
    assert (manifest.name, manifest.version, manifest.classes) == ("toy", 1, ("0", "1"))
    assert [item.name for item in manifest.inputs] == ["x1", "x2"]
    assert manifest.threshold == 0.45
    assert (manifest.data.source, manifest.data.target, manifest.data.seed) == ("toy", "class", 0)
    assert manifest.data.rows == {"train": 60, "validation": 20, "test": 20}
    assert (manifest.fit.solver, manifest.fit.penalty, manifest.fit.converged) == ("lbfgs", 2.0, True)
    assert manifest.metrics.keys() == {"train", "validation", "test"}
    assert all(
        metrics.accuracy == 1 and metrics.baseline_accuracy == 0.5 for metrics in manifest.metrics.values()
    )
    assert {round(example.probabilities[1]) for example in manifest.golden} == {0, 1}


def test_units_are_kept_and_belong_to_inputs(toy: Config) -> None:
    """An input's unit reaches the manifest; one for a column that is not there is refused."""
    published = publish(toy, units={"x2": "mm"})
    assert [item.unit for item in published.manifest.inputs] == [None, "mm"]
    with pytest.raises(SettingError, match="TRAINING_UNITS=x3: no such input column in toy"):
        publish(toy, units={"x3": "mm"})


def test_scaling_is_that_of_the_training_rows(toy: Config) -> None:
    """Mean, scale and the manifest's reference come from the training split and no other row."""
    published = publish(toy)
    train = dataset.split(dataset.load("toy", None), toy.seed)["train"].x.astype(np.float64)
    weights = safetensors.torch.load_file(published.path / "model.safetensors")
    np.testing.assert_allclose(weights["mean"], train.mean(0), rtol=1e-6)
    np.testing.assert_allclose(weights["scale"], train.std(0), rtol=1e-6)
    for item, column in zip(published.manifest.inputs, train.T, strict=True):
        assert item.reference.mean == pytest.approx(column.mean())
        assert item.reference.std == pytest.approx(column.std())
        assert (item.reference.min, item.reference.max) == (column.min(), column.max())


@pytest.mark.parametrize("solver", ["lbfgs", "sgd"])
def test_two_runs_publish_the_same_bytes(toy: Config, solver: str) -> None:
    """The same data and seed give a second version with byte-identical weights; another seed does not."""
    first = publish(toy, solver=solver, epochs=2)
    second = publish(toy, solver=solver, epochs=2)
    other = publish(toy, solver=solver, epochs=2, seed=1)
    assert [item.manifest.version for item in (first, second, other)] == [1, 2, 3]
    assert first.manifest.files == second.manifest.files
    assert first.manifest.golden == second.manifest.golden
    assert first.manifest.files["model.safetensors"] != other.manifest.files["model.safetensors"]


def test_breast_cancer_is_worth_serving(tmp_path: Path) -> None:
    """The default model converges and beats the majority by far on the rows that it never saw."""
    manifest = publish(Config(store=tmp_path)).manifest
    assert manifest.fit.converged
    assert len(manifest.inputs) == 30
    assert len(manifest.golden) == 12
    test = manifest.metrics["test"]
    assert test.baseline_accuracy < 0.65
    assert test.accuracy > 0.95
    assert test.roc_auc > 0.99


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system limits no process to a core")
def test_it_fits_on_the_usable_cores(tmp_path: Path) -> None:
    """A process that may use one core gets one thread, whatever torch would take."""
    code = """
import os, sys, torch
from training import pipeline
from training.config import load
from training.progress import Bar
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
torch.set_num_threads(3)
pipeline.run(load(["--data", "toy", "--store", sys.argv[1]]), Bar())
print(torch.get_num_threads())
"""
    command = [sys.executable, "-c", code, str(tmp_path)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "1\n"


def test_the_default_run_imports_little(tmp_path: Path) -> None:
    """Neither Arrow nor torch's compiler, nor what its numbers are compared with: each takes a second."""
    code = """
import sys
from training.__main__ import main
main(["--store", sys.argv[1]])
print(*{"pyarrow", "pandas", "scipy", "sklearn", "sympy", "torch._dynamo"} & sys.modules.keys())
"""
    command = [sys.executable, "-c", code, str(tmp_path)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said.splitlines()[-1] == ""


def test_a_store_that_cannot_be_written_is_one_line(toy: Config) -> None:
    """A path that is a file is named, and nothing else is made."""
    toy.store.write_text("not a directory")
    with pytest.raises(PublishError, match=str(toy.store)):
        publish(toy)
    assert os.listdir(toy.store.parent) == ["store"]  # noqa: PTH208 - the names are what is compared


@pytest.mark.skipif(torch.cuda.is_available(), reason="has a CUDA device")
def test_a_device_that_is_not_there_is_refused() -> None:
    """`cuda` without a device names the key, the value and what was wanted; `auto` takes the CPU."""
    with pytest.raises(SettingError, match="TRAINING_DEVICE=cuda: wanted auto or cpu"):
        pipeline.choose_device("cuda")
    assert pipeline.choose_device("auto") == torch.device("cpu")


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_run_on_cuda_publishes_for_any_device(toy: Config) -> None:
    """The weights found on the device are published for the CPU, near those found there."""
    files = [publish(toy, device=device).path / "model.safetensors" for device in ("cpu", "cuda")]
    expected, found = map(safetensors.torch.load_file, files)
    for name, value in found.items():
        assert value.device == torch.device("cpu")
        torch.testing.assert_close(value, expected[name], rtol=0, atol=1e-5)
