"""One version on disk: verify it against its manifest. Knows nothing of the store around it."""

import hashlib
import io
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from models.errors import StoreError
from models.manifest import Manifest

MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class Artifact:
    """One verified version. `digest` is the sha256 of manifest.json, which holds those of the other files."""

    path: Path
    manifest: Manifest
    digest: str


def open_regular(path: Path) -> io.BufferedReader:
    """Open a file for reading, refusing links, pipes and devices.

    Raises StoreError for those, OSError when there is no such file or it may not be read.
    """
    # lstat first: opening a device or a pipe has effects; O_NOFOLLOW for a link put there since.
    if not stat.S_ISREG(path.lstat().st_mode):
        raise StoreError(f"{path}: not a regular file (links are refused)")
    return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb")


def verify(folder: Path, name: str, version: int) -> Artifact:
    """Compare a folder with its manifest, and the manifest with the name and version asked for.

    Raises StoreError, one line that names the file, for whatever differs; OSError as `open_regular` does.
    """
    path = folder / MANIFEST
    with open_regular(path) as stream:
        raw = stream.read()
    try:
        manifest = Manifest.from_json(raw)
    except ValueError as error:
        raise StoreError(f"{path}: {error}") from error
    if (manifest.name, manifest.version) != (name, version):
        raise StoreError(f"{path}: is of {manifest.name} {manifest.version}, not of {name} {version}")
    extra = sorted({path.name for path in folder.iterdir()} - {MANIFEST, *manifest.files})
    if extra:
        raise StoreError(f"{folder}: {extra[0]!a} is not in {MANIFEST}")
    for file, expected in manifest.files.items():
        path = folder / file
        with open_regular(path) as stream:
            size = os.fstat(stream.fileno()).st_size
            if size != expected.size_bytes:
                raise StoreError(f"{path}: {size} bytes, but {MANIFEST} says {expected.size_bytes}")
            if hashlib.file_digest(stream, "sha256").hexdigest() != expected.sha256:
                raise StoreError(f"{path}: its sha256 is not the one in {MANIFEST}")
    return Artifact(folder, manifest, hashlib.sha256(raw).hexdigest())
