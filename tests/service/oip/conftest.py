"""The models of the tests of the Open Inference Protocol."""

from pathlib import Path

import pytest

from models.repository import Artifact, Repository
from tests.service.oip.scored import Model, load


@pytest.fixture(scope="session")
def model(artifact: Artifact) -> Model:
    """The default model: two classes, 30 inputs."""
    return load(artifact)


@pytest.fixture(scope="session")
def wine(wine_store: Path) -> Model:
    """A model of three classes and 13 inputs."""
    return load(Repository(wine_store).resolve("wine"))
