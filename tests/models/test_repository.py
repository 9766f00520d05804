"""The store as its users see it: publish, resolve, promote, list."""

import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import models
from models.artifact import Artifact
from models.errors import StoreError, UnknownModelError
from models.manifest import Manifest
from models.parts import File
from models.repository import Repository

MakeManifest = Callable[[int, dict[str, File]], Manifest]
Publish = Callable[..., Artifact]


def _tree(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_publish_resolves_to_the_same(
    repository: Repository, publish: Publish, files: dict[str, bytes]
) -> None:
    """What was published is what a reader gets, by CURRENT and by number."""
    artifact = publish()
    assert artifact == repository.resolve("tiny") == repository.resolve("tiny", 1)
    assert {name: (artifact.path / name).read_bytes() for name in files} == files
    assert _tree(repository.root) == [
        "tiny",
        "tiny/1",
        "tiny/1/manifest.json",
        "tiny/1/model.pt",
        "tiny/1/model.safetensors",
        "tiny/CURRENT",
        "tiny/promotion.json",
    ]


def test_files_may_be_given_as_paths(
    repository: Repository, files: dict[str, bytes], make_manifest: MakeManifest, tmp_path: Path
) -> None:
    """A file on disk is copied, and stays."""
    source = tmp_path / "weights"
    source.write_bytes(b"w" * 100_000)
    artifact = repository.publish("tiny", {**files, "model.safetensors": source}, make_manifest)
    assert (artifact.path / "model.safetensors").read_bytes() == source.read_bytes()
    assert artifact.manifest.files["model.safetensors"].size_bytes == 100_000


def test_versions_count_up_and_the_last_is_current(repository: Repository, publish: Publish) -> None:
    """Versions are 1, 2, 3 … in numeric order, and each publication is promoted."""
    assert [publish().manifest.version for _ in range(11)] == list(range(1, 12))
    assert repository.versions("tiny") == list(range(1, 12))
    assert repository.current("tiny") == 11


def test_promote_goes_back_and_forth(repository: Repository, publish: Publish) -> None:
    """A rollback is a promotion of an earlier version, and does not make its number free."""
    publish(), publish()
    repository.promote("tiny", 1)
    assert repository.current("tiny") == repository.resolve("tiny").manifest.version == 1
    assert (repository.root / "tiny" / "CURRENT").read_bytes() == b"1\n"
    assert publish().manifest.version == 3


def test_promote_replaces_rather_than_rewrites(repository: Repository, publish: Publish) -> None:
    """A reader in the middle of CURRENT reads the version that it was, not half of another."""
    publish()
    with (repository.root / "tiny" / "CURRENT").open("rb") as current:
        publish()
        assert current.read() == b"1\n"


def test_documented_rollback(files: dict[str, bytes], make_manifest: MakeManifest, tmp_path: Path) -> None:
    """The commands in the specification work, one after the other, and roll a model back."""
    store = Repository(tmp_path / "models" / "store")
    for _ in range(2):
        store.publish(
            "breast-cancer",
            files,
            lambda *made: make_manifest(*made).model_copy(update={"name": "breast-cancer"}),
        )
    text = Path(models.__file__).with_name("README.md").read_text()
    lines = [line for line in text.splitlines() if line.startswith(".venv/bin/python -m models ")]
    assert len(lines) == 6
    for line in lines:
        command = [sys.executable, *shlex.split(line)[1:]]
        subprocess.run(command, cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)
    assert store.current("breast-cancer") == 2


def test_promote_verifies_first(repository: Repository, publish: Publish) -> None:
    """A damaged version is not promoted: CURRENT stays."""
    damaged = publish().path / "model.pt"
    publish()
    damaged.write_bytes(b"")
    with pytest.raises(StoreError, match=r"model\.pt: 0 bytes"):
        repository.promote("tiny", 1)
    assert repository.current("tiny") == 2


def test_names_are_the_models_with_a_current(repository: Repository, publish: Publish) -> None:
    """Strays in the store are not models, and a store that is not there holds none."""
    assert repository.names() == []
    publish()
    for stray in ("empty", ".hidden", "Upper", "lost+found"):
        (repository.root / stray).mkdir()
    (repository.root / "file").touch()
    (repository.root / "link").symlink_to("nothing")
    assert repository.names() == ["tiny"]


def test_unknown_model_and_version(repository: Repository, publish: Publish) -> None:
    """What is merely not there is told apart from what is broken."""
    assert repository.versions("tiny") == []
    with pytest.raises(UnknownModelError):
        repository.resolve("tiny")
    publish()
    for version in (-1, 0, 2, 10**5000):
        with pytest.raises(UnknownModelError):
            repository.resolve("tiny", version)
    (repository.root / "tiny" / "CURRENT").unlink()
    with pytest.raises(UnknownModelError, match="CURRENT: missing"):
        repository.resolve("tiny")


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\n",
        b"one\n",
        b"0\n",
        b"01\n",
        b"-1\n",
        b"1\n\n",
        b"1 2",
        b"../1",
        b"9" * 99,
        b"\xff",
        "\u0661".encode(),
    ],
)
def test_bad_current_names_the_file(repository: Repository, publish: Publish, text: bytes) -> None:
    """A CURRENT that is not one plain number is refused, naming the file and what it holds."""
    publish()
    (repository.root / "tiny" / "CURRENT").write_bytes(text)
    for attempt in (repository.current, repository.resolve):
        with pytest.raises(StoreError, match=r"\A[^\n]*/tiny/CURRENT: [^\n]* is not a version\Z") as caught:
            attempt("tiny")
        assert not isinstance(caught.value, UnknownModelError)


def test_current_of_a_missing_version(repository: Repository, publish: Publish) -> None:
    """A CURRENT that points nowhere is a broken store; a promotion mends it."""
    publish()
    (repository.root / "tiny" / "CURRENT").write_bytes(b"7")
    with pytest.raises(StoreError, match=r"/tiny/CURRENT: names version 7, which is missing$"):
        repository.resolve("tiny")
    repository.promote("tiny", 1)
    assert repository.current("tiny") == 1


def test_unreadable_store_is_one_line(tmp_path: Path) -> None:
    """A store that is a file is a StoreError that names it, not a traceback."""
    (tmp_path / "store").touch()
    with pytest.raises(StoreError, match=r"^[^\n]*/store: Not a directory$"):
        Repository(tmp_path / "store").names()


@pytest.mark.parametrize("text", [b"1", b"1\n", b"1\r\n"])
def test_current_may_end_as_any_editor_ends_it(repository: Repository, publish: Publish, text: bytes) -> None:
    """With or without an end of a line, CRLF too."""
    publish()
    (repository.root / "tiny" / "CURRENT").write_bytes(text)
    assert repository.resolve("tiny").manifest.version == 1


def test_what_systems_leave_beside_versions_is_passed_over(repository: Repository, publish: Publish) -> None:
    """Of Finders, of NFS and of file systems; inside a version it is refused."""
    publish()
    for name in (".DS_Store", ".nfs0001", "Thumbs.db"):
        for folder in (repository.root, repository.root / "tiny"):
            (folder / name).touch()
    for folder in (repository.root, repository.root / "tiny"):
        (folder / "lost+found").mkdir()
    assert repository.names() == ["tiny"]
    assert repository.versions("tiny") == [1]
    assert repository.resolve("tiny").manifest.version == 1
    (repository.root / "tiny" / "1" / ".DS_Store").touch()
    with pytest.raises(StoreError, match="DS_Store"):
        repository.resolve("tiny")
