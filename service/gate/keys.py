"""Keys, and whether one opens what is asked for. Knows nothing of sockets or models.

Keys are long and random, so that a plain digest of them tells nothing.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from service.errors import ForbiddenError, NoSuchPathError, StartError, UnauthorizedError
from service.gate.access import Access
from service.gate.keys_file import KeysFile
from service.settings import Settings


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
