"""Keys, and whether one opens what is asked for. Knows nothing of sockets or models.

A keys file has one key a line as `<name>:<sha256 of the key, hex>`; blank lines and `#` comments are
skipped. `python -m service.keys NAME` makes a key and its line. Keys are long and random, so that a plain
digest of them tells nothing.
"""

import hashlib
import hmac
import logging
import re
import secrets
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from service.errors import ForbiddenError, NoSuchPathError, StartError, UnauthorizedError
from service.gate.access import Access
from service.settings import Settings

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


class Keys:
    """The policy, as the settings have it."""

    def __init__(self, settings: Settings) -> None:
        """Read the keys files; raises StartError when one of them cannot be used."""
        self._predict = _open("SERVICE_API_KEYS_FILE", settings.api_keys_file)
        self._admin = _open("SERVICE_ADMIN_KEYS_FILE", settings.admin_keys_file)
        self._metrics_open = settings.metrics_open
        self.used = self._predict is not None or self._admin is not None
        """Whether there are any keys; without them everything but the admin routes is open."""
        self.ask_to_predict = self._predict is not None
        """Whether predictions want one."""
        if not settings.metrics_open and not self.used:
            raise StartError(
                "SERVICE_METRICS_OPEN=false: wanted SERVICE_API_KEYS_FILE or SERVICE_ADMIN_KEYS_FILE too"
            )

    def check(self, access: Access, headers: Mapping[bytes, bytes]) -> None:
        """Return when the key in `headers` opens what asks for `access`.

        Raises UnauthorizedError without a key or for an unknown one, ForbiddenError for a key that may
        only predict, NoSuchPathError for an admin route when there are no admin keys.
        """
        if access is Access.OPEN or (access is Access.METRICS and self._metrics_open):
            return
        if access is Access.PREDICT and self._predict is None:
            return
        if access is Access.ADMIN and self._admin is None:
            raise NoSuchPathError
        given = _given(headers)
        if not given:
            raise UnauthorizedError("wanted a key, in Authorization: Bearer or X-API-Key")
        digest = hashlib.sha256(given).digest()
        may_administer = self._admin is not None and self._admin.holds(digest)
        may_predict = self._predict is not None and self._predict.holds(digest)
        if may_administer or (may_predict and access is not Access.ADMIN):
            return
        if may_predict:
            raise ForbiddenError("this key may predict, not administer")
        raise UnauthorizedError("this key is not known")


def _given(headers: Mapping[bytes, bytes]) -> bytes:
    scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
    return token.strip() if scheme.lower() == b"bearer" else headers.get(b"x-api-key", b"")


def _open(setting: str, path: Path | None) -> KeysFile | None:
    return None if path is None else KeysFile(setting, path)


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


def main(arguments: list[str]) -> int:
    """Make a key: print its line for the keys file, and on standard error the key itself."""
    if len(arguments) != 1 or not LINE.fullmatch(f"{arguments[0]}:{'0' * 64}"):
        sys.stderr.write("usage: python -m service.keys NAME >> KEYS_FILE\n")
        return 2
    key = secrets.token_urlsafe(32)
    sys.stdout.write(f"{arguments[0]}:{hashlib.sha256(key.encode()).hexdigest()}\n")
    sys.stderr.write(f"{key}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
