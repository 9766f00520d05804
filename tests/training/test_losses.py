"""What NumPy makes of a stored version, against the figures that torch gave."""

from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from models.errors import StoreError
from models.repository import Artifact, Repository
from training import losses
from training.__main__ import main
from training.config import Config
from training.dataset import Dataset, load

TABLES = Path(__file__).with_name("tables")


def trained(store: Path, data: Path, target: str) -> tuple[Artifact, Dataset]:
    assert main(["--data", str(data), "--target", target, "--store", str(store), "--quiet"]) == 0
    repository = Repository(store)
    [name] = repository.names()
    return repository.resolve(name), load(Config(data=str(data), target=target))


def test_of_text_truths_and_gaps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A split's mean is the manifest's figure, with any number of rows at once."""
    artifact, data = trained(tmp_path, TABLES / "gaps.csv", "paid")
    for cells in (losses.HELD_CELLS, 20):
        monkeypatch.setattr(losses, "HELD_CELLS", cells)
        for name, rows in data.parts.items():
            found = losses.of_version(artifact, data, rows)
            assert found.mean() == pytest.approx(artifact.manifest.metrics[name].log_loss, abs=1e-6)


def test_of_three_classes(tmp_path: Path, iris_csv: Path) -> None:
    """The same."""
    artifact, data = trained(tmp_path, iris_csv, "species")
    found = losses.of_version(artifact, data, data.parts["test"])
    assert found.mean() == pytest.approx(artifact.manifest.metrics["test"].log_loss, abs=1e-6)


def test_rows_with_a_gap_are_refused_where_none_is_admitted(tmp_path: Path) -> None:
    """Of a version that admits them none is."""
    artifact, data = trained(tmp_path, TABLES / "gaps.csv", "paid")
    rows = np.arange(len(data.y))
    assert not losses.refused(artifact, data, rows).any()
    city = next(item for item in artifact.manifest.inputs if item.name == "city")
    missing = city.missing.model_copy(update={"admitted": False})
    inputs = tuple(
        city.model_copy(update={"missing": missing}) if item is city else item
        for item in artifact.manifest.inputs
    )
    strict = Artifact(artifact.path, artifact.manifest.model_copy(update={"inputs": inputs}), artifact.digest)
    column = next(column for column in data.columns if column.name == "city")
    np.testing.assert_array_equal(losses.refused(strict, data, rows), column.empty())


def test_what_is_no_weights_is_refused(tmp_path: Path) -> None:
    """Bytes of the right digest may still be no tensors, others than the inputs', or hold no numbers."""
    artifact, data = trained(tmp_path, TABLES / "gaps.csv", "paid")
    tensors = safetensors.numpy.load(artifact.read("model.safetensors"))
    nothing = {**tensors, "bias": np.full_like(tensors["bias"], np.nan)}
    for content, said in (
        (b"\0" * 40, "model.safetensors: "),
        (safetensors.numpy.save({"bias": tensors["bias"]}), "model.safetensors: wanted mean"),
        (safetensors.numpy.save(nothing), "not all of its weights are finite"),
    ):
        files = {"model.pt": b"", "model.safetensors": content}
        broken = Repository(tmp_path).publish(
            "gaps",
            files,
            lambda version, digests: artifact.manifest.model_copy(
                update={"version": version, "files": digests}
            ),
        )
        with pytest.raises(StoreError, match=said):
            losses.of_version(broken, data, data.parts["test"])
