"""What many tests share: a real trained model in a store of its own, and a service of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from sklearn.datasets import load_wine

from models.repository import Artifact, Repository
from tests.e2e.running import Service
from training.__main__ import main

# Without a deadline: a slow machine is no fault. `make fuzz` takes the other one.
settings.register_profile("suite", max_examples=200, deadline=None)
settings.register_profile("fuzz", max_examples=10_000, deadline=None)
settings.load_profile("suite")


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the default model, trained for this session; tests only read it."""
    root = tmp_path_factory.mktemp("store")
    assert main(["--store", str(root)]) == 0
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
    data = ["--data", str(root.parent / "wine.csv"), "--target", "target"]
    assert main(["--store", str(root), "--name", "wine", *data]) == 0
    return root


@pytest.fixture(scope="session")
def service(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with default settings that all tests share; none may harm it."""
    shared = Service(store, tmp_path_factory.mktemp("service") / "service.log", {}, None)
    shared.wait_ready()
    yield shared
    shared.close()
