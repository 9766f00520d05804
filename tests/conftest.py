"""What many tests share: a real trained model in a store of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

from models.repository import Artifact, Repository


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the default model, trained for this session; tests only read it."""
    root = tmp_path_factory.mktemp("store")
    subprocess.run([sys.executable, "-m", "training", "--store", str(root)], check=True, capture_output=True)
    return root


@pytest.fixture(scope="session")
def artifact(store: Path) -> Artifact:
    """The served version of the default model."""
    return Repository(store).resolve("breast-cancer")
