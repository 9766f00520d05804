"""One version on disk: verify it against its manifest, read it. Knows nothing of other versions."""

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from models.beneath import Folder
from models.errors import StoreError
from models.manifest import FileName, Manifest
from models.parts import File
from models.signature import Signed

MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class Artifact:
    """One verified version. `digest` is the sha256 of manifest.json, which holds those of the other files.

    `signed` says by whom, where signatures were asked for.
    """

    path: Path
    manifest: Manifest
    digest: str
    signed: Signed | None = None

    def read(self, file: FileName) -> bytes:
        """Return the bytes of a file, verified once more: it may have been replaced since.

        Raises StoreError as `verify` does.
        """
        with self._folder() as folder:
            return _read(folder, file, self.manifest.files[file])

    def read_manifest(self) -> bytes:
        """Return the bytes of manifest.json, of which `digest` is. Raises StoreError as `read` does."""
        with self._folder() as folder, folder.file(MANIFEST) as stream:
            raw = stream.read()
        if hashlib.sha256(raw).hexdigest() != self.digest:
            raise StoreError(f"{self.path / MANIFEST}: its sha256 is not {self.digest}")
        return raw

    @contextlib.contextmanager
    def _folder(self) -> Iterator[Folder]:
        store = self.path.parents[1]
        with Folder.root(store) as root, root.folder(str(self.path.relative_to(store))) as folder:
            yield folder


def verify(
    folder: Folder, name: str, version: int, check: Callable[[bytes], Signed | None] = lambda _: None
) -> Artifact:
    """Compare a folder with its manifest, and the manifest with the name and version asked for.

    `check` gets the manifest's bytes before anything reads them, and raises or says who signed them. Raises
    StoreError, one line that names the file, for whatever differs.
    """
    path = folder.path / MANIFEST
    with folder.file(MANIFEST) as stream:
        raw = stream.read()
    signed = check(raw)
    try:
        manifest = Manifest.from_json(raw)
    except ValueError as error:
        raise StoreError(f"{path}: {error}") from error
    if (manifest.name, manifest.version) != (name, version):
        raise StoreError(f"{path}: is of {manifest.name} {manifest.version}, not of {name} {version}")
    # `..data` and the folder that it leads to are how a kubelet mounts files: links through it.
    found = {entry for entry in folder.names() if not entry.startswith("..")}
    extra = sorted(found - {MANIFEST, *manifest.files})
    if extra:
        raise StoreError(f"{folder.path}: {extra[0]!a} is not in {MANIFEST}")
    for file, expected in manifest.files.items():
        _read(folder, file, expected)
    return Artifact(folder.path, manifest, hashlib.sha256(raw).hexdigest(), signed)


def _read(folder: Folder, file: FileName, expected: File) -> bytes:
    path = folder.path / file
    with folder.file(file) as stream:
        size = os.fstat(stream.fileno()).st_size
        if size != expected.size_bytes:
            raise StoreError(f"{path}: {size} bytes, but {MANIFEST} says {expected.size_bytes}")
        content = stream.read(size)
    if hashlib.sha256(content).hexdigest() != expected.sha256:
        raise StoreError(f"{path}: its sha256 is not the one in {MANIFEST}")
    return content
