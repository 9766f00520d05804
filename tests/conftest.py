"""What many tests share: a real trained model in a store of its own."""

import subprocess
import sys
from pathlib import Path

import pytest
from sklearn.datasets import load_wine

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


@pytest.fixture(scope="session")
def wine_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a model of three classes and 13 inputs; tests only read it."""
    root = tmp_path_factory.mktemp("wine-store")
    table = load_wine(as_frame=True)
    named = table.frame.assign(target=[f"cultivar {number}" for number in table.target])
    named.to_csv(root.parent / "wine.csv", index=False)
    command = [sys.executable, "-m", "training", "--store", str(root), "--name", "wine"]
    data = ["--data", str(root.parent / "wine.csv"), "--target", "target"]
    subprocess.run([*command, *data], check=True, capture_output=True)
    return root
