"""Publishers that fail, die or race each other, and what they leave."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from models.artifact import Artifact
from models.errors import StoreError, UnknownModelError
from models.manifest import FileName, Manifest
from models.parts import File
from models.repository import Repository

MakeManifest = Callable[[int, dict[str, File]], Manifest]
Publish = Callable[..., Artifact]

# Run as `python -c`: publishes ten versions as soon as its standard input closes.
PUBLISHER = """
import sys
from pathlib import Path
from models.manifest import Manifest
from models.repository import Repository

store, frozen = map(Path, sys.argv[1:])
manifest = Manifest.from_json(frozen.read_bytes())
print("ready", flush=True)
sys.stdin.read()
for _ in range(10):
    artifact = Repository(store).publish(
        "tiny",
        {"model.pt": b"a", "model.safetensors": b"b"},
        lambda version, files: manifest.model_copy(update={"version": version, "files": files}),
    )
    print(artifact.manifest.version)
"""

# Run as `python -c`: dies in the middle of a publication, as from a power cut.
CRASHER = """
import os, sys
from pathlib import Path
from models.repository import Repository

Repository(Path(sys.argv[1])).publish(
    "tiny", {"model.pt": b"a", "model.safetensors": b"b"}, lambda version, files: os._exit(9)
)
"""


def _tree(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize(
    ("other", "fields"),
    [
        ({"../../stolen": b""}, {}),
        ({"model.onnx": b""}, {}),
        ({"model.pt": Path("/does/not/exist")}, {}),
        ({}, {"name": "other"}),
        ({}, {"version": 9}),
        ({}, {"positive": "maybe"}),
        ({}, {"files": {}}),
    ],
)
def test_failed_publish_leaves_nothing(
    repository: Repository, publish: Publish, other: dict[str, bytes | Path], fields: dict[str, object]
) -> None:
    """Strange or missing files and a manifest that a reader would refuse leave the store as it was."""
    repository.root.mkdir()
    for _ in range(2):  # a store without the model, then one with it
        before = _tree(repository.root)
        with pytest.raises((StoreError, FileNotFoundError)):
            publish(other, **fields)
        assert _tree(repository.root) == before
        publish()


def test_error_of_the_caller_passes_through(repository: Repository, files: dict[str, bytes]) -> None:
    """What `make_manifest` raises reaches the caller, and leaves nothing."""
    repository.root.mkdir()

    def interrupted(_version: int, _files: dict[str, File]) -> Manifest:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        repository.publish("tiny", files, interrupted)
    assert _tree(repository.root) == []


def test_number_taken_meanwhile_is_made_anew(
    repository: Repository, files: dict[str, bytes], make_manifest: MakeManifest, publish: Publish
) -> None:
    """A publisher that loses the race gets the next number, with a manifest that carries it."""
    numbers = []

    def overtaken(version: int, digests: dict[str, File]) -> Manifest:
        numbers.append(version)
        if version < 3:
            publish()
        return make_manifest(version, digests)

    assert repository.publish("tiny", files, overtaken).manifest.version == 3
    assert numbers == [1, 2, 3]
    assert [repository.resolve("tiny", v).manifest.version for v in repository.versions("tiny")] == [1, 2, 3]


def test_files_may_speak_of_their_version(
    repository: Repository, files: dict[str, bytes], make_manifest: MakeManifest, publish: Publish
) -> None:
    """They are made of the manifest, anew with another number, and the store's manifest lists them."""
    told = []

    def describe(manifest: Manifest) -> dict[FileName, bytes]:
        told.append((manifest.version, list(manifest.files)))
        if manifest.version < 2:
            publish()
        return {"report.html": b"long" * 3 if manifest.version < 2 else b"%d" % manifest.version}

    artifact = repository.publish("tiny", files, make_manifest, describe)
    assert told == [(1, ["model.pt", "model.safetensors"]), (2, ["model.pt", "model.safetensors"])]
    assert artifact.manifest.version == 2
    assert artifact.read("report.html") == b"2"
    assert repository.resolve("tiny").read("report.html") == b"2"


def test_what_describes_a_version_may_fail(
    repository: Repository, files: dict[str, bytes], make_manifest: MakeManifest
) -> None:
    """What is raised reaches the caller, a file of no known name is refused, and nothing stays."""
    repository.root.mkdir()

    def fail(_: Manifest) -> dict[FileName, bytes]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        repository.publish("tiny", files, make_manifest, fail)
    for name in ("notes.txt", "../stolen", "model.pt"):
        with pytest.raises(StoreError):
            repository.publish("tiny", files, make_manifest, lambda _: {name: b""})  # noqa: B023 - used at once
    assert _tree(repository.root) == []


def test_two_processes_publish_at_once(repository: Repository, frozen: Path) -> None:
    """Two processes make ten good versions each, share no number, and a reader never sees half of one."""
    command: list[str | Path] = [sys.executable, "-c", PUBLISHER, repository.root, frozen]
    children = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    for child in children:
        assert child.stdin is not None
        child.stdin.close()
    while any(child.poll() is None for child in children):
        for version in repository.versions("tiny"):
            repository.resolve("tiny", version)
    numbers = []
    for child in children:
        with child:
            assert child.stdout is not None
            numbers += list(map(int, child.stdout))
        assert child.returncode == 0
    assert sorted(numbers) == repository.versions("tiny") == list(range(1, 21))
    assert [repository.resolve("tiny", v).manifest.version for v in sorted(numbers)] == sorted(numbers)
    assert repository.current("tiny") in numbers
    assert [path.name for path in (repository.root / "tiny").glob(".*")] == []


def test_publisher_that_dies_is_never_read(repository: Repository, publish: Publish) -> None:
    """What a killed publisher leaves is hidden: not a model, not a version, not in the next one's way."""
    child = subprocess.run([sys.executable, "-c", CRASHER, repository.root], check=False)
    assert child.returncode == 9
    assert len(list((repository.root / "tiny").glob(".publish-*/model.pt"))) == 1
    assert repository.names() == []
    assert repository.versions("tiny") == []
    with pytest.raises(UnknownModelError):
        repository.resolve("tiny")
    assert publish().manifest.version == 1
    assert repository.versions("tiny") == [1]
