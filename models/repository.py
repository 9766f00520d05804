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

from models.artifact import MANIFEST, Artifact, open_regular, verify
from models.errors import StoreError, UnknownModelError
from models.manifest import FILES, LAST_VERSION, NAME, File, Manifest

__all__ = ["Artifact", "Repository"]

CURRENT = "CURRENT"
_CURRENT_BYTES = len(f"{LAST_VERSION}\r\n")
_VERSION = re.compile(r"[1-9][0-9]{0,8}")  # one spelling a number, up to LAST_VERSION


@contextlib.contextmanager
def _refusing_unreadable() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(f"{error.filename or 'the store'}: {error.strerror}") from error


class Repository:
    """Versions of named models under one folder, in the format of `models/README.md`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @_refusing_unreadable()
    def names(self) -> list[str]:
        """List the models that have a CURRENT, sorted; none when the store does not exist."""
        if not self.root.exists():
            return []
        return sorted(
            path.name
            for path in self.root.iterdir()
            if NAME.fullmatch(path.name) and _is_folder(path) and os.path.lexists(path / CURRENT)
        )

    @_refusing_unreadable()
    def versions(self, name: str) -> list[int]:
        """List the complete versions of a model, ascending; none when the store does not have it.

        Complete means that a manifest is there, which is written last; only `resolve` verifies.
        """
        model = self._path(name)
        if not os.path.lexists(model):
            return []
        _require_folder(model)
        folders = (model / str(version) for version in _taken(model))
        return [int(path.name) for path in folders if _is_folder(path) and os.path.lexists(path / MANIFEST)]

    @_refusing_unreadable()
    def current(self, name: str) -> int:
        """Read which version CURRENT names.

        Raises UnknownModelError without the model or its CURRENT, StoreError when CURRENT is not one number
        or that version is missing.
        """
        model = self._path(name)
        _require_folder(model)
        path = model / CURRENT
        if not os.path.lexists(path):
            raise UnknownModelError(f"{path}: missing, no version was promoted")
        with open_regular(path) as stream:
            text = stream.read(_CURRENT_BYTES + 1).decode("latin-1")
        version = text.removesuffix("\n").removesuffix("\r")
        if not _VERSION.fullmatch(version):
            raise StoreError(f"{path}: {text!a} is not a version")
        if not os.path.lexists(model / version):
            raise StoreError(f"{path}: names version {version}, which is missing")
        return int(version)

    @_refusing_unreadable()
    def resolve(self, name: str, version: int | None = None) -> Artifact:
        """Verify a version, CURRENT's by default, and return it.

        Raises UnknownModelError when the store does not have it, StoreError when anything in it is not what
        its manifest says. Golden examples are for whoever can run the model.
        """
        model = self._path(name)
        _require_folder(model)
        if version is None:
            version = self.current(name)
        if not 1 <= version <= LAST_VERSION:
            raise UnknownModelError(f"{model}: versions are 1 to {LAST_VERSION}")
        _require_folder(model / str(version))
        return verify(model / str(version), name, version)

    def publish(
        self,
        name: str,
        files: Mapping[str, bytes | Path],
        make_manifest: Callable[[int, dict[str, File]], Manifest],
    ) -> Artifact:
        """Add the next version of a model, verified as a reader would, and promote it.

        `make_manifest` gets the version and the digests; it is called again when another publisher took the
        number, and what it raises passes through. Raises StoreError for what a reader would refuse, OSError
        when the store cannot be written. A failed publish leaves nothing behind; if only its promotion fails
        the version stays, complete.
        """
        model = self._path(name)
        if set(files) != set(FILES):
            raise StoreError(f"{name}: a version holds {' and '.join(FILES)}, not {sorted(files)!a}")
        if os.path.lexists(model):
            _require_folder(model)
        staging = model / f".publish-{secrets.token_hex(8)}"
        staging.mkdir(parents=True)
        try:
            digests = {file: _write(staging / file, content) for file, content in files.items()}
            version = max(_taken(model), default=0) + 1
            while True:
                _write(staging / MANIFEST, make_manifest(version, digests).to_json())
                artifact = verify(staging, name, version)
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
        _point(self.resolve(name, version).path.parent, version)

    def _path(self, name: str) -> Path:
        if not NAME.fullmatch(name):
            raise UnknownModelError(f"{name[:80]!a} is not a model name: {NAME.pattern}")
        return self.root / name


def _taken(model: Path) -> list[int]:
    return sorted(int(path.name) for path in model.iterdir() if _VERSION.fullmatch(path.name))


def _is_folder(path: Path) -> bool:
    return not path.is_symlink() and path.is_dir()


def _require_folder(path: Path) -> None:
    if not os.path.lexists(path):
        raise UnknownModelError(f"{path}: not in the store")
    if not _is_folder(path):
        raise StoreError(f"{path}: not a folder (links are refused)")


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
