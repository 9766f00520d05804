"""A frozen manifest and stores built from it. Knows nothing of torch: a model here is a few bytes."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from models.artifact import Artifact
from models.manifest import Manifest
from models.parts import File
from models.repository import Repository

MakeManifest = Callable[[int, dict[str, File]], Manifest]


@pytest.fixture(scope="session")
def frozen() -> Path:
    """The golden vector: schema version 2 as its first writer wrote it; never edited."""
    return Path(__file__).with_name("manifest.v2.json")


@pytest.fixture(scope="session")
def frozen_first() -> Path:
    """Schema version 1, as its first writer wrote it; never edited."""
    return Path(__file__).with_name("manifest.v1.json")


@pytest.fixture(scope="session")
def make_manifest(frozen: Path) -> MakeManifest:
    manifest = Manifest.from_json(frozen.read_bytes())
    return lambda version, files: manifest.model_copy(update={"version": version, "files": files})


@pytest.fixture(scope="session")
def files() -> dict[str, bytes]:
    """Bytes in the place of a trained model; the frozen manifest holds their digests."""
    return {"model.pt": b"scripted " * 40, "model.safetensors": b"weights " * 30}


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "store")


@pytest.fixture
def publish(
    repository: Repository, files: dict[str, bytes], make_manifest: MakeManifest
) -> Callable[..., Artifact]:
    """Publish the next version of `tiny`, with other files or other fields of the manifest where given."""

    def publish(other: Mapping[str, bytes | Path] = {}, **fields: object) -> Artifact:
        return repository.publish(
            "tiny", {**files, **other}, lambda *made: make_manifest(*made).model_copy(update=fields)
        )

    return publish
