"""Bytes that a power cut does not take, and files that appear whole. Knows nothing of what they say."""

import hashlib
import os
import secrets
import shutil
from pathlib import Path

from models.parts import File


def write(path: Path, content: bytes | Path) -> File:
    """Write a file, or copy one, and bring it to disk; return its digest and size. Raises OSError."""
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


def sync(folder: Path) -> None:
    """Make the names in a folder survive a power cut, as fsync of a file does for its bytes."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace(path: Path, content: bytes) -> None:
    """Write a file by one rename, so that a reader gets what it was or all of what it is. Raises OSError."""
    draft = path.with_name(f".{path.name.lower()}-{secrets.token_hex(8)}")
    try:
        write(draft, content)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    sync(path.parent)
