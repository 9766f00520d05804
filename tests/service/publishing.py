"""Versions for stores: real ones in all but their model, which is a few bytes. Knows nothing of torch."""

from pathlib import Path

from models.artifact import Artifact
from models.manifest import SERVED, Manifest
from models.parts import File
from models.repository import Repository

FROZEN = Path(__file__).parents[1] / "models" / "manifest.v2.json"


def publish(store: Path, name: str, content: bytes = b"") -> Artifact:
    """Publish the next version of a model, whose files differ by `content` alone."""
    frozen = Manifest.from_json(FROZEN.read_bytes())

    def make_manifest(version: int, files: dict[str, File]) -> Manifest:
        return frozen.model_copy(update={"name": name, "version": version, "files": files})

    files = {file: file.encode() + content for file in SERVED}
    return Repository(store).publish(name, files, make_manifest)
