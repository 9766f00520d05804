"""A codec for three inputs."""

from collections import Counter

import pytest

from models.manifest import Manifest
from models.repository import Artifact
from service.predict.codec import PredictCodec
from tests.service.predict.documents import MAX_ROWS, MOST_BYTES


@pytest.fixture(scope="session")
def manifest(artifact: Artifact) -> Manifest:
    """A manifest cut to three inputs, so that generated rows are often good ones."""
    inputs = artifact.manifest.inputs[:3]
    return artifact.manifest.model_copy(update={"inputs": inputs})


@pytest.fixture(scope="session")
def codec(manifest: Manifest) -> PredictCodec:
    """The codec of that manifest."""
    return PredictCodec(manifest, MAX_ROWS, MOST_BYTES, [0] * len(manifest.classes), Counter(), Counter())
