"""A version's training run again: what is the same, what differs, and what cannot be known."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from models.repository import Repository
from tests.training.listing import listing
from training.__main__ import main

TABLES = Path(__file__).with_name("tables")


class Place:
    """A store with one version, and the table that it was trained on."""

    def __init__(self, root: Path) -> None:
        self.store, self.data = root / "store", root / "customers.csv"
        shutil.copy(TABLES / "gaps.csv", self.data)
        options = ["--data", str(self.data), "--target", "paid", "--penalty", "0.5", "--keep", "age"]
        decided = ["--class-weight", "yes=2", "--calibrate", "temperature", "--units", "income=EUR"]
        assert main([*options, *decided, "--store", str(self.store), "--quiet"]) == 0

    def again(self, name: str = "customers/1", *arguments: object) -> int:
        return main(["--reproduce", name, "--store", str(self.store), *map(str, arguments)])


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.mark.parametrize("name", ["customers/1", "customers"])
def test_the_same_data_give_the_same_version(
    place: Place, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """By its options in the manifest alone, and nothing is published; without a number it is CURRENT's."""
    before = listing(place.store)
    assert place.again(name) == 0
    out, error = capsys.readouterr()
    assert error == ""
    assert out.endswith(f"reproduced {place.store / 'customers' / '1'}: the same weights and figures\n")
    assert listing(place.store) == before


def test_a_built_in_set_needs_no_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Options given beside --reproduce, such as a target, are not asked for."""
    store = ["--store", str(tmp_path)]
    assert main(["--data", "toy", "--solver", "sgd", "--epochs", "3", *store, "--quiet"]) == 0
    assert main(["--reproduce", "toy/1", *store]) == 0
    assert "the same weights and figures" in capsys.readouterr().out


@pytest.mark.parametrize(
    "options",
    [
        ["--schema", "SCHEMA"],
        ["--groups", "city"],
        ["--time", "age"],
        ["--penalty", "none", "--leave-out", "city"],  # the rare cities all have one answer
        ["--penalty", "auto"],
        ["--penalty", "auto", "--time", "age", "--solver", "lbfgs"],
        ["--solver", "sgd", "--epochs", "3"],
        ["--missing", "", "--encoding", "cp1252"],
        ["--class-weight", "balanced", "--positive", "no", "--abstain", "0.4:0.6"],
        ["--calibrate", "auto", "--threshold", "f1"],
        ["--seed", "5", "--fold-case", "--leave-out", "city", "--categorical", "age"],
    ],
    ids=" ".join,
)
def test_every_option_is_remembered(
    place: Place, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    """The manifest alone says it again, as the flags did."""
    schema = place.data.with_name("schema.toml")
    schema.write_text('[city]\nleave_out = true\n[debt]\nkind = "numeric"\n')
    given = [str(schema) if option == "SCHEMA" else option for option in options]
    data = place.data
    if "--groups" in options:  # of which train must have every city that splits it
        rows = data.read_text().splitlines()
        data.write_text("\n".join([rows[0], *(row for row in rows[1:] if ",," not in row)]))
    arguments = ["--data", str(data), "--target", "paid", "--store", str(place.store), "--force"]
    assert main([*arguments, "--quiet", *given]) == 0
    assert place.again("customers/2") == 0
    assert "the same weights and figures" in capsys.readouterr().out


def test_the_data_may_have_moved(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """--data says where they are now, under any name, without the target; else the old path is named."""
    moved = place.data.rename(place.data.with_name("数据.csv"))
    assert place.again() == 2
    assert capsys.readouterr().err == f"{place.data}: no such file; --data says where it is now\n"
    assert place.again("customers/1", "--data", moved) == 0
    assert "the same weights and figures" in capsys.readouterr().out


def test_other_bytes_are_other_data(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """One digit more is said before anything is trained or printed."""
    place.data.write_text(place.data.read_text().replace("Lyon", "Lyons", 1))
    assert place.again() == 2
    out, error = capsys.readouterr()
    assert out == ""
    version = place.store / "customers" / "1"
    assert error == f"{place.data}: is not what {version} was trained on, its sha256 is another\n"


def test_what_differs_is_named(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """A version whose options are not those that made it: exit 1, the fields, and libraries that changed."""
    path = place.store / "customers" / "1" / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["options"]["penalty"] = 0.25
    manifest["options"]["units"] = {}
    path.write_text(json.dumps(manifest))
    assert place.again() == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert error == f"{path.parent}: differs in model.safetensors, inputs, calibration, metrics\n"
    manifest["environment"]["libraries"]["torch"] = "1.0"
    path.write_text(json.dumps(manifest))
    assert place.again() == 1
    assert f"metrics; torch was 1.0 and is {torch.__version__}\n" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["customers/2", "other", "other/1", "customers/x", "a/b/c", "../up"])
def test_what_is_not_there_is_a_wrong_option(
    place: Place, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """Exit 2 and the option with what it says."""
    assert place.again(name) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert f"TRAINING_REPRODUCE={name}: " in error


def test_format_1_does_not_say_how(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2: it keeps serving, and nothing can be run again."""
    shutil.copytree(Path(__file__).parents[1] / "models" / "format1" / "toy", place.store / "toy")
    assert Repository(place.store).resolve("toy", 1).manifest.schema_version == 1
    assert place.again("toy/1") == 2
    assert "does not say how it was trained, as it is of format 1" in capsys.readouterr().err


def test_a_broken_version_is_the_stores_fault(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 3, as whatever the store refuses."""
    (place.store / "customers" / "1" / "model.pt").write_bytes(b"")
    assert place.again() == 3
    assert "model.pt: 0 bytes" in capsys.readouterr().err


def test_the_machine_of_the_version_may_be_another(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """Threads and vectors in the manifest are told, not compared."""
    path = place.store / "customers" / "1" / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["environment"] |= {"threads": 99, "cpu": "other"}
    path.write_text(json.dumps(manifest))
    assert place.again() == 0
    assert "the same weights and figures" in capsys.readouterr().out
