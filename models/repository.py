"""The store of published versions: publish, resolve, promote. Knows nothing of what a model computes."""

import contextlib
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from models.artifact import MANIFEST, Artifact, verify
from models.beneath import MOST_LINKS, Folder, refusing_unreadable
from models.errors import StoreError, UnknownModelError
from models.manifest import FILES, SERVED, FileName, Manifest
from models.parts import LAST_VERSION, NAME, File

__all__ = ["Artifact", "Repository"]

CURRENT = "CURRENT"
_CURRENT_BYTES = len(f"{LAST_VERSION}\r\n")
_VERSION = re.compile(r"[1-9][0-9]{0,8}")  # one spelling a number, up to LAST_VERSION


class Repository:
    """Versions of named models under one folder, in the format of `models/README.md`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def names(self) -> list[str]:
        """List the models that have a CURRENT, sorted; none when the store does not exist."""
        with refusing_unreadable(self.root):
            if not self.root.exists():
                return []
        with Folder.root(self.root) as root:
            return sorted(
                name for name in root.names() if NAME.fullmatch(name) and _holds(root, name, CURRENT)
            )

    def versions(self, name: str) -> list[int]:
        """List the complete versions of a model, ascending; none when the store does not have it.

        Complete means that a manifest is there, which is written last; only `resolve` verifies.
        """
        if not os.path.lexists(self._path(name)):
            return []
        with self._model(name) as model:
            taken = [entry for entry in model.names() if _VERSION.fullmatch(entry)]
            return sorted(int(version) for version in taken if _holds(model, version, MANIFEST))

    def current(self, name: str) -> int:
        """Read which version CURRENT names.

        Raises UnknownModelError without the model or its CURRENT, StoreError when CURRENT is not one number
        or that version is missing.
        """
        with self._model(name) as model:
            return _current(model)

    def resolve(self, name: str, version: int | None = None) -> Artifact:
        """Verify a version, CURRENT's by default, and return it.

        Raises UnknownModelError when the store does not have it, StoreError when anything in it is not what
        its manifest says. Golden examples are for whoever can run the model.
        """
        with contextlib.suppress(StoreError):
            return self._resolve(name, version)
        return self._resolve(name, version)  # once more: it may have been read while a mount was switched

    def publish(
        self,
        name: str,
        files: Mapping[str, bytes | Path],
        make_manifest: Callable[[int, dict[str, File]], Manifest],
        describe: Callable[[Manifest], Mapping[FileName, bytes]] = lambda _: {},
    ) -> Artifact:
        """Add the next version of a model, verified as a reader would, and promote it.

        `make_manifest` gets the version and the digests; `describe` gets the manifest, and returns the files
        that speak of the version, which the manifest then lists too. Both are called again when another
        publisher took the number, and what they raise passes through. Raises StoreError for what a reader
        would refuse, OSError when the store cannot be written. A failed publish leaves nothing behind; if
        only its promotion fails the version stays, complete.
        """
        model = self._path(name)
        if not set(SERVED) <= set(files) <= set(FILES):
            raise StoreError(f"{name}: a version holds {', '.join(FILES)}, not {sorted(files)!a}")
        if os.path.lexists(model) and (model.is_symlink() or not model.is_dir()):
            raise StoreError(f"{model}: not a folder (links are refused)")
        staging = model / f".publish-{secrets.token_hex(8)}"
        staging.mkdir(parents=True)
        try:
            digests = {file: _write(staging / file, content) for file, content in files.items()}
            version = max(_taken(model), default=0) + 1
            while True:
                manifest = make_manifest(version, digests)
                texts = describe(manifest)
                if not set(texts) <= set(FILES) - set(files):
                    raise StoreError(f"{name}: {sorted(texts)!a} describe no version")
                more = {file: _write(staging / file, text) for file, text in texts.items()}
                listed = manifest.model_copy(update={"files": {**manifest.files, **more}})
                _write(staging / MANIFEST, listed.to_json())
                with Folder.root(staging, links=0) as folder:
                    artifact = verify(folder, name, version)
                _sync(staging)
                target = model / str(version)
                try:
                    staging.rename(target)
                    break
                except OSError:
                    if not os.path.lexists(target):
                        raise
                    version += 1
        finally:
            shutil.rmtree(staging, ignore_errors=True)
            with contextlib.suppress(OSError):  # rmdir refuses a folder that holds anything
                model.rmdir()
        _sync(model)  # the version before the CURRENT that names it
        _sync(self.root)
        _point(model, version)
        return replace(artifact, path=target)

    def promote(self, name: str, version: int) -> None:
        """Verify a version and make it CURRENT; an earlier one is a rollback.

        Raises as `resolve` does, or OSError when the store cannot be written.
        """
        self._resolve(name, version, links=0)
        _point(self._path(name), version)

    def _resolve(self, name: str, version: int | None, links: int = MOST_LINKS) -> Artifact:
        with self._model(name, links) as model:
            if version is None:
                version = _current(model)
            if not 1 <= version <= LAST_VERSION:
                raise UnknownModelError(f"{model.path}: versions are 1 to {LAST_VERSION}")
            if not model.has(str(version)):
                raise UnknownModelError(f"{model.path / str(version)}: not in the store")
            with model.folder(str(version)) as folder:
                return verify(folder, name, version)

    @contextlib.contextmanager
    def _model(self, name: str, links: int = MOST_LINKS) -> Iterator[Folder]:
        path = self._path(name)
        if not os.path.lexists(path):
            raise UnknownModelError(f"{path}: not in the store")
        with Folder.root(self.root, links) as root, root.folder(name) as model:
            yield model

    def _path(self, name: str) -> Path:
        if not NAME.fullmatch(name):
            raise UnknownModelError(f"{name[:80]!a} is not a model name: {NAME.pattern}")
        return self.root / name


def _taken(model: Path) -> list[int]:
    return sorted(int(path.name) for path in model.iterdir() if _VERSION.fullmatch(path.name))


def _holds(folder: Folder, name: str, entry: str) -> bool:
    try:
        with folder.folder(name) as inner:
            return inner.has(entry)
    except StoreError:
        return False


def _current(model: Folder) -> int:
    path = model.path / CURRENT
    if not model.has(CURRENT):
        raise UnknownModelError(f"{path}: missing, no version was promoted")
    with model.file(CURRENT) as stream:
        text = stream.read(_CURRENT_BYTES + 1).decode("latin-1")
    version = text.removesuffix("\n").removesuffix("\r")
    if not _VERSION.fullmatch(version):
        raise StoreError(f"{path}: {text!a} is not a version")
    if not model.has(version):
        raise StoreError(f"{path}: names version {version}, which is missing")
    return int(version)


def _write(path: Path, content: bytes | Path) -> File:
    with path.open("w+b") as target:
        if isinstance(content, Path):
            with content.open("rb") as source:
                shutil.copyfileobj(source, target)
        else:
            target.write(content)
        target.flush()
        os.fsync(target.fileno())
        size = target.tell()
        target.seek(0)
        return File(sha256=hashlib.file_digest(target, "sha256").hexdigest(), size_bytes=size)


def _sync(folder: Path) -> None:
    """Make the names in a folder survive a power cut, as fsync of a file does for its bytes."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _point(model: Path, version: int) -> None:
    draft = model / f".current-{secrets.token_hex(8)}"
    try:
        _write(draft, f"{version}\n".encode())
        draft.replace(model / CURRENT)
    finally:
        draft.unlink(missing_ok=True)
    _sync(model)
