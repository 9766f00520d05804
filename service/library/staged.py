"""Versions as the service keeps them: copied into the run directory, each under its digest.

Whoever loads one reads the copy, so that only the copying waits for the store. Knows nothing of which
versions are wanted.
"""

import contextlib
import functools
import hashlib
import os
import shutil
from pathlib import Path

from models.artifact import MANIFEST, Artifact, verify
from models.beneath import Folder
from models.errors import StoreError
from models.manifest import Manifest
from service.run_directory import DRAFT, draft_path, models_path, version_path

KNOWN_SIZES = 1024
"""Versions whose files' sizes are remembered: some times as many as are ever served."""


def stage(run_dir: Path, artifact: Artifact) -> None:
    """Copy a version and verify the copy; one that is whole stays, any other is replaced.

    Raises StoreError when a file of the store is no longer the verified one, OSError or MemoryError when
    there is no room for the copy; the version is then not staged.
    """
    with contextlib.suppress(StoreError):
        load(run_dir, artifact.digest)
        return
    models_path(run_dir).mkdir(mode=0o700, exist_ok=True)
    draft = draft_path(run_dir)
    draft.mkdir(mode=0o700)
    try:
        (draft / MANIFEST).write_bytes(artifact.read_manifest())
        for file in artifact.manifest.files:
            (draft / file).write_bytes(artifact.read(file))
        _load(draft, artifact.digest)
        discard(run_dir, artifact.digest)
        draft.rename(version_path(run_dir, artifact.digest))
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def load(run_dir: Path, digest: str) -> Artifact:
    """Return the copy of a version, verified as a reader of the store would.

    Raises StoreError unless it is there and whole.
    """
    return _load(version_path(run_dir, digest), digest)


def is_whole(run_dir: Path, digest: str) -> bool:
    """Return whether the copy of a version has its files, in their sizes, and no others."""
    path = version_path(run_dir, digest)
    try:
        return _sizes(path, digest) == {entry.name: entry.stat().st_size for entry in os.scandir(path)}
    except (OSError, StoreError):
        return False


def discard(run_dir: Path, digest: str) -> None:
    """Remove the copy of a version, if there is one: its name first, so that nobody finds a part of it."""
    gone = draft_path(run_dir)
    with contextlib.suppress(FileNotFoundError):
        version_path(run_dir, digest).rename(gone)
        shutil.rmtree(gone)


def sweep(run_dir: Path) -> None:
    """Remove what was left by a process that was killed while it copied or removed a version."""
    for path in models_path(run_dir).glob(f"{DRAFT}*/"):
        shutil.rmtree(path)


def _load(path: Path, digest: str) -> Artifact:
    with Folder.root(path.parents[1]) as root, root.folder(f"{path.parent.name}/{path.name}") as folder:
        manifest = _manifest(folder, digest)
        return verify(folder, manifest.name, manifest.version)


@functools.lru_cache(KNOWN_SIZES)
def _sizes(path: Path, digest: str) -> dict[str, int]:
    """Return the size of each file; what has this digest never changes."""
    with Folder.root(path) as folder:
        manifest = _manifest(folder, digest)
        size = (path / MANIFEST).stat().st_size
    return {MANIFEST: size, **{file: listed.size_bytes for file, listed in manifest.files.items()}}


def _manifest(folder: Folder, digest: str) -> Manifest:
    with folder.file(MANIFEST) as stream:
        raw = stream.read()
    if hashlib.sha256(raw).hexdigest() != digest:
        raise StoreError(f"{folder.path / MANIFEST}: its sha256 is not {digest}")
    return Manifest.from_json(raw)
