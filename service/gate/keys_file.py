"""A file of keys' digests, read again when it changes. Knows nothing of what a key opens.

It has one key a line as `<name>:<sha256 of the key, hex>`; blank lines and `#` comments are skipped.
"""

import hmac
import logging
import re
import time
from pathlib import Path

from service.errors import StartError

LOOK_S = 1.0
"""How often a keys file is looked at for a change."""
LINE = re.compile(r"([A-Za-z0-9._-]{1,64}):([0-9a-f]{64})")

log = logging.getLogger("logitserve.keys")


class KeysFile:
    """The digests in one keys file, read again when it changes."""

    def __init__(self, setting: str, path: Path) -> None:
        """Read the file; raises StartError, which names `setting`, when it holds no keys or a bad line."""
        self._setting, self._path = setting, path
        self._looked = 0.0
        self._stamp = self._seen()
        try:
            self._digests = _read(path)
        except (OSError, ValueError) as error:
            raise StartError(f"{setting}={path}: {_reason(error)}") from None

    def holds(self, digest: bytes) -> bool:
        """Return whether `digest` is of one of the keys, in a time that does not tell which."""
        self._refresh()
        found = False
        for known in self._digests:
            found |= hmac.compare_digest(known, digest)
        return found

    def _refresh(self) -> None:
        now = time.monotonic()
        if now - self._looked < LOOK_S:
            return
        self._looked = now
        stamp = self._seen()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._digests = _read(self._path)
            log.info("%s: read %d keys", self._setting, len(self._digests))
        except (OSError, ValueError) as error:
            log.error("%s: the keys stay as they were: %s", self._setting, _reason(error))  # noqa: TRY400 - the line says all

    def _seen(self) -> tuple[int, int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size


def _read(path: Path) -> list[bytes]:
    digests = []
    for number, raw in enumerate(_text(path).splitlines(), 1):
        line = raw.partition("#")[0].strip()
        if not line:
            continue
        matched = LINE.fullmatch(line)
        if matched is None:
            raise ValueError(f"line {number}: wanted <name>:<sha256 of the key in hex>")
        digests.append(bytes.fromhex(matched[2]))
    if not digests:
        raise ValueError("no keys in it")
    return digests


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")  # with or without a byte order mark
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None


def _reason(error: OSError | ValueError) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)
