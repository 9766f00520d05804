"""Copies of versions in the run directory: made whole, found damaged, repaired and removed."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from models.artifact import MANIFEST, Artifact
from models.errors import StoreError
from service.library.staged import discard, is_whole, load, stage, sweep
from service.run_directory import DRAFT, draft_path, models_path, version_path
from tests.service.publishing import publish


@pytest.fixture
def published(tmp_path: Path) -> Artifact:
    return publish(tmp_path / "store", "tiny")


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    path = tmp_path / "run"
    path.mkdir()
    return path


def names(run_dir: Path) -> set[str]:
    """Return what is in the folder of the copies."""
    return {path.name for path in models_path(run_dir).iterdir()}


def test_a_copy_is_loaded_without_the_store(run_dir: Path, published: Artifact) -> None:
    """It is the version, file by file, in a folder of this user's alone; and nothing else stays."""
    held = {file: published.read(file) for file in published.manifest.files}
    stage(run_dir, published)
    shutil.rmtree(published.path.parents[1])
    copy = load(run_dir, published.digest)
    assert (copy.manifest, copy.digest) == (published.manifest, published.digest)
    assert copy.path == version_path(run_dir, published.digest)
    assert {file: copy.read(file) for file in copy.manifest.files} == held
    assert is_whole(run_dir, published.digest)
    assert names(run_dir) == {published.digest}
    assert copy.path.stat().st_mode & 0o777 == 0o700


def test_a_copy_that_is_whole_stays(run_dir: Path, published: Artifact) -> None:
    """Whoever reads it is not disturbed, nor is the store asked."""
    stage(run_dir, published)
    before = version_path(run_dir, published.digest).stat().st_ino
    shutil.rmtree(published.path)
    stage(run_dir, published)
    assert version_path(run_dir, published.digest).stat().st_ino == before


def _lose(copy: Path) -> None:
    (copy / "model.pt").unlink()


def _lose_manifest(copy: Path) -> None:
    (copy / MANIFEST).unlink()


def _cut(copy: Path) -> None:
    with (copy / "model.pt").open("r+b") as stream:
        stream.truncate(3)


def _add(copy: Path) -> None:
    (copy / "notes").touch()


def _remove(copy: Path) -> None:
    shutil.rmtree(copy)


def _remove_all(copy: Path) -> None:
    shutil.rmtree(copy.parent)


@pytest.mark.parametrize("damage", [_lose, _lose_manifest, _cut, _add, _remove, _remove_all])
def test_a_damaged_copy_is_seen_and_made_anew(
    run_dir: Path, published: Artifact, damage: Callable[[Path], None]
) -> None:
    """By a look at names and sizes; it does not load."""
    stage(run_dir, published)
    assert is_whole(run_dir, published.digest)
    damage(version_path(run_dir, published.digest))
    assert not is_whole(run_dir, published.digest)
    with pytest.raises(StoreError):
        load(run_dir, published.digest)
    stage(run_dir, published)
    assert is_whole(run_dir, published.digest)
    assert load(run_dir, published.digest).manifest == published.manifest
    assert names(run_dir) == {published.digest}


@pytest.mark.parametrize("file", ["model.pt", MANIFEST])
def test_other_bytes_of_the_same_size_do_not_load(run_dir: Path, published: Artifact, file: str) -> None:
    """The digest is the name; staged again, the copy is good."""
    stage(run_dir, published)
    path = version_path(run_dir, published.digest) / file
    content = path.read_bytes()
    path.write_bytes(content.replace(b"m", b"n"))
    with pytest.raises(StoreError, match=file):
        load(run_dir, published.digest)
    stage(run_dir, published)
    assert path.read_bytes() == content
    load(run_dir, published.digest)


@pytest.mark.parametrize("file", ["model.pt", MANIFEST])
def test_what_changed_in_the_store_is_not_staged(run_dir: Path, published: Artifact, file: str) -> None:
    """Since it was verified; nothing of it stays."""
    content = (published.path / file).read_bytes()
    (published.path / file).write_bytes(content.replace(b"m", b"n"))
    with pytest.raises(StoreError, match=rf"{file}: its sha256"):
        stage(run_dir, published)
    assert names(run_dir) == set()


def test_without_a_run_directory_nothing_is_staged(run_dir: Path, published: Artifact) -> None:
    """Main makes it again; a copy in a folder of another's making would not be private."""
    run_dir.rmdir()
    with pytest.raises(FileNotFoundError):
        stage(run_dir, published)
    assert not run_dir.exists()


def test_a_copy_is_discarded_alone(run_dir: Path, published: Artifact) -> None:
    """Twice is once; it can be staged again."""
    other = publish(published.path.parents[1], "other")
    stage(run_dir, published)
    stage(run_dir, other)
    discard(run_dir, other.digest)
    discard(run_dir, other.digest)
    assert names(run_dir) == {published.digest}
    stage(run_dir, other)
    assert names(run_dir) == {published.digest, other.digest}


def test_what_a_killed_process_left_is_swept(run_dir: Path, published: Artifact) -> None:
    """The folders of its drafts, and nothing else."""
    sweep(run_dir)
    stage(run_dir, published)
    shutil.copytree(version_path(run_dir, published.digest), draft_path(run_dir))
    table = f"{DRAFT}table-3.json"
    (models_path(run_dir) / table).touch()
    sweep(run_dir)
    assert names(run_dir) == {published.digest, table}
