"""The walls between rooms hold: an import that goes through one fails `make check`."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def check(tree: Path) -> subprocess.CompletedProcess[str]:
    """Look at the imports of a tree, as `make check` does."""
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache"]
    environment = os.environ | {"PYTHONPATH": str(tree)}
    return subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the code and its walls."""
    for package in ("models", "service", "training"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("store", "*.pyc"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_code_as_it_is_keeps_them(tree: Path) -> None:
    """All of them."""
    found = check(tree)
    assert found.returncode == 0, found.stdout
    assert " 0 broken" in found.stdout


@pytest.mark.parametrize(
    ("module", "line", "wall"),
    [
        ("service/wire/frames.py", "import service.plane.batch", "walks down through the rooms"),
        ("service/gate/keys.py", "from service.http import head", "walks down through the rooms"),
        ("service/predict/rows.py", "from service.oip import tensors", "walks down through the rooms"),
        ("service/plane/call.py", "import fastapi", "FastAPI and uvicorn are known"),
        ("service/app/routes.py", "import torch", "torch is known to the worker alone"),
        ("service/http/turns.py", "import litserve", "LitServe is known to the host"),
        ("models/manifest.py", "import torch", "models knows neither torch"),
        ("training/fit.py", "import service.errors", "training and service never meet"),
    ],
)
def test_a_way_through_a_wall_is_found(tree: Path, module: str, line: str, wall: str) -> None:
    """By the wall's name."""
    path = tree / module
    path.write_text(f"{path.read_text()}\n{line}\n")
    found = check(tree)
    assert found.returncode != 0
    assert [text for text in found.stdout.splitlines() if wall in text and text.endswith("BROKEN")]


def test_a_module_that_stands_in_no_room_is_found(tree: Path) -> None:
    """Somebody has to say where it belongs."""
    (tree / "service" / "closet.py").touch()
    found = check(tree)
    assert found.returncode != 0
    assert "closet" in found.stdout


def test_what_is_deployed_needs_no_test() -> None:
    """Load and capacity are measured from a checkout whose tests are not there."""
    for path in (ROOT / "deploy").rglob("*.py"):
        assert not re.search(r"^\s*(from|import) tests\b", path.read_text(), re.MULTILINE), path
