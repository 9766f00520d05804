"""One model's folder, held open: its versions, which one is CURRENT, what came before. Never writes."""

import contextlib
import hashlib
import os
import re
from datetime import UTC, datetime

from models.artifact import MANIFEST, Artifact, verify
from models.beneath import Folder
from models.errors import StoreError, UnknownModelError, UnsignedError
from models.parts import LAST_VERSION
from models.promotion import History, Promotion
from models.signature import Signed, TrustedKeys

CURRENT = "CURRENT"
VERSION = re.compile(r"[1-9][0-9]{0,8}")  # one spelling a number, up to LAST_VERSION
_MOST_BYTES = 64 * 1024
"""Far more than what lies beside a version has."""
_CURRENT_BYTES = len(f"{LAST_VERSION}\r\n")


def holds(folder: Folder, name: str, entry: str) -> bool:
    """Return whether a folder of this name is there, and something in it."""
    try:
        with folder.folder(name) as inner:
            return inner.has(entry)
    except StoreError:
        return False


def versions(model: Folder) -> list[int]:
    """List the complete versions, ascending, unverified."""
    taken = [entry for entry in model.names() if VERSION.fullmatch(entry)]
    return sorted(int(version) for version in taken if holds(model, version, MANIFEST))


def current(model: Folder) -> int:
    """Read CURRENT; raises as `Repository.current` does."""
    path = model.path / CURRENT
    if not model.has(CURRENT):
        raise UnknownModelError(f"{path}: missing, no version was promoted")
    with model.file(CURRENT) as stream:
        text = stream.read(_CURRENT_BYTES + 1).decode("latin-1")
    version = text.removesuffix("\n").removesuffix("\r")
    if not VERSION.fullmatch(version):
        raise StoreError(f"{path}: {text!a} is not a version")
    if not model.has(version):
        raise StoreError(f"{path}: names version {version}, which is missing")
    return int(version)


def resolve(model: Folder, name: str, version: int | None, trusted: TrustedKeys | None = None) -> Artifact:
    """Verify a version, CURRENT's by default, once; raises as `Repository.resolve` does."""
    version = current(model) if version is None else version
    if not 1 <= version <= LAST_VERSION:
        raise UnknownModelError(f"{model.path}: versions are 1 to {LAST_VERSION}")
    if not model.has(str(version)):
        raise UnknownModelError(f"{model.path / str(version)}: not in the store")

    def signed(manifest: bytes) -> Signed | None:
        if trusted is None:
            return None
        path = model.path / f"{version}.sig"
        try:
            found = read_beside(model, version, "sig")
        except StoreError as error:
            raise UnsignedError(str(error)) from None
        if found is None:
            raise UnsignedError(f"{path}: missing, the version is not signed")
        return trusted.check(path, found, manifest)

    with model.folder(str(version)) as folder:
        return verify(folder, name, version, signed)


def read_beside(model: Folder, version: int, what: str) -> bytes | None:
    """Return the bytes of the version's `sig` or `gate.json`, None without. Raises StoreError as `file`."""
    name = f"{version}.{what}"
    if not model.has(name):
        return None
    with model.file(name) as stream:
        return stream.read(_MOST_BYTES)


def history(model: Folder) -> History:
    """Read the promotions, the last of which is CURRENT's; none without a CURRENT.

    Raises StoreError when CURRENT is broken.
    """
    if not model.has(CURRENT):
        return History()
    version, digest = current(model), None
    with (
        contextlib.suppress(StoreError),  # it may be broken
        model.folder(str(version)) as folder,
        folder.file(MANIFEST) as stream,
    ):
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    with model.file(CURRENT) as stream:
        time = datetime.fromtimestamp(os.fstat(stream.fileno()).st_mtime, UTC)
    return History.read(model).settled(Promotion(version=version, digest=digest, time=time, by="promoted"))
