"""What the Makefile names, and what `make` installs and when, told by `--dry-run` in a folder of its own."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PRODUCT, REST = "'.[training]'", "'.[dev,load]'"
NODE = ("tests/ui/package.json", "tests/ui/package-lock.json")
FOLDERS = "deploy|models|service|tests|training"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What the Makefile reads, older than any stamp."""
    (tmp_path / "tests" / "ui").mkdir(parents=True)
    for name in ("Makefile", "pyproject.toml", "constraints.txt", *NODE):
        shutil.copy(ROOT / name, tmp_path / name)
        os.utime(tmp_path / name, (1, 1))
    return tmp_path


def stamp(checkout: Path, name: str, time: int) -> None:
    (checkout / ".venv").mkdir(exist_ok=True)
    (checkout / ".venv" / name).touch()
    os.utime(checkout / ".venv" / name, (time, time))


def installs(checkout: Path, target: str) -> list[str]:
    """Return what `make` would install for a target, in order."""
    command = ["make", "--dry-run", "-C", str(checkout), target]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    lines = [line for line in printed.splitlines() if "pip install" in line and "--editable" in line]
    assert all("--constraint constraints.txt" in line for line in lines)
    return [line.split()[-1] for line in lines]


@pytest.mark.parametrize(
    ("target", "wanted"),
    [
        ("serve", [PRODUCT]),
        ("train", [PRODUCT]),
        *((target, [PRODUCT, REST]) for target in ("setup", "test", "check", "bench", "load", "image")),
    ],
)
def test_a_bare_clone_installs_what_the_target_needs(checkout: Path, target: str, wanted: list[str]) -> None:
    """To train and serve takes no tools of tests and loads."""
    assert installs(checkout, target) == wanted


def test_what_is_there_is_not_installed_again(checkout: Path) -> None:
    """But for what is missing."""
    stamp(checkout, "ready", 2)
    assert installs(checkout, "serve") == []
    assert installs(checkout, "test") == [REST]
    stamp(checkout, "dev", 3)
    assert installs(checkout, "test") == installs(checkout, "serve") == []


@pytest.mark.parametrize("changed", ["pyproject.toml", "constraints.txt"])
def test_what_is_stale_is_made_again(checkout: Path, changed: str) -> None:
    """Both stamps are older than a changed pin."""
    stamp(checkout, "ready", 2)
    stamp(checkout, "dev", 3)
    os.utime(checkout / changed, (4, 4))
    assert installs(checkout, "serve") == [PRODUCT]
    assert installs(checkout, "test") == [PRODUCT, REST]


def test_every_path_that_the_makefile_names_is_there() -> None:
    """A module that moves takes its name in a recipe along; `-m` names a module by its path with dots."""
    text = (ROOT / "Makefile").read_text()
    paths = set(re.findall(rf"(?<![\w./-])(?:{FOLDERS})/[\w./-]*\w", text))
    modules = set(re.findall(rf"-m ((?:{FOLDERS})[\w.]*)", text))
    assert "tests/service/predict" in paths
    assert "deploy.load.capacity" in modules
    assert {path for path in paths if not (ROOT / path).exists()} == set()
    found = {module: ROOT / module.replace(".", "/") for module in modules}
    assert {
        module
        for module, path in found.items()
        if not path.with_suffix(".py").exists() and not (path / "__main__.py").exists()
    } == set()
