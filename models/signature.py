"""Who vouches for a version: an Ed25519 signature of its manifest, made and checked. Knows no store.

`cryptography` is imported when something is signed or checked, and not before.
"""

import base64
import hashlib
import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from models.beneath import refusing_unreadable
from models.errors import StoreError, UnsignedError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PREFIX = b"logitserve version 1\n"
"""What is signed begins with it: no signature that the key gives for anything else is one of a version."""
KEY_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
KEY_BYTES = 32


class Signature(BaseModel):
    """What a `.sig` file says, unchecked. Fields that are not known here are passed over."""

    model_config = ConfigDict(frozen=True)

    key_id: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
    signature: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/]{86}==$")]
    time: Annotated[str, StringConstraints(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]

    @classmethod
    def from_json(cls, raw: bytes) -> "Signature":
        """Parse the bytes of a `.sig` file. Raises ValueError with one line."""
        try:
            return cls.model_validate_json(raw)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            field = ".".join(map(str, first["loc"]))[:80]
            raise ValueError(f"{field!a}: {first['msg']}" if field else first["msg"]) from None

    def to_json(self) -> bytes:
        """Write the bytes of a `.sig` file."""
        return self.model_dump_json(indent=2).encode() + b"\n"


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature that was found good: the name of the trusted key, its id, and when it says it was made."""

    by: str
    key_id: str
    time: str


class TrustedKeys:
    """The public keys whose signatures count, by their id."""

    def __init__(self, keys: dict[str, tuple[str, bytes]]) -> None:
        """Take for each key id a name and the raw public key."""
        self._keys = keys

    @classmethod
    def read(cls, path: Path) -> "TrustedKeys":
        """Read a file of `<name>:<base64 of the public key>`, one a line; `#` begins a comment.

        Raises StoreError, which names the file and the line, when a line is another or there is no key.
        """
        with refusing_unreadable(path):
            raw = path.read_bytes()
        try:
            lines = raw.decode("utf-8-sig").splitlines()  # with or without a byte order mark
        except UnicodeDecodeError:
            raise StoreError(f"{path}: it is not UTF-8") from None
        keys = {}
        for number, line in enumerate(lines, 1):
            if not (text := line.partition("#")[0].strip()):
                continue
            name, _, encoded = text.partition(":")
            try:
                key = base64.b64decode(encoded, validate=True)
            except ValueError:
                key = b""
            if not KEY_NAME.fullmatch(name) or len(key) != KEY_BYTES:
                raise StoreError(f"{path}: line {number}: wanted <name>:<base64 of an Ed25519 public key>")
            keys[key_id(key)] = name, key
        if not keys:
            raise StoreError(f"{path}: no keys in it")
        return cls(keys)

    def check(self, path: Path, raw: bytes, manifest: bytes) -> Signed:
        """Check a signature file's bytes against a manifest's.

        Raises UnsignedError, which names `path`, when it is none, of an unknown key or of other bytes.
        """
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415

        try:
            found = Signature.from_json(raw)
        except ValueError as error:
            raise UnsignedError(f"{path}: not a signature: {error}") from None
        if found.key_id not in self._keys:
            raise UnsignedError(f"{path}: key {found.key_id} is not trusted")
        name, key = self._keys[found.key_id]
        try:
            Ed25519PublicKey.from_public_bytes(key).verify(
                base64.b64decode(found.signature), _message(found.time, manifest)
            )
        except InvalidSignature:
            raise UnsignedError(f"{path}: not what {name} signed") from None
        return Signed(name, found.key_id, found.time)


class SigningKey:
    """A private key, which signs."""

    def __init__(self, key: "Ed25519PrivateKey") -> None:
        self._key = key

    @classmethod
    def read(cls, path: Path) -> "SigningKey":
        """Read a private key from a PEM file. Raises StoreError, which names it."""
        from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415
        from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

        with refusing_unreadable(path):
            raw = path.read_bytes()
        try:
            key = load_pem_private_key(raw, password=None)
        except TypeError:
            raise StoreError(f"{path}: a key with a passphrase, which is not read here") from None
        except (ValueError, UnsupportedAlgorithm):
            raise StoreError(f"{path}: not a private key in PEM") from None
        if not isinstance(key, Ed25519PrivateKey):
            raise StoreError(f"{path}: not an Ed25519 key")
        return cls(key)

    @classmethod
    def make(cls, path: Path) -> "SigningKey":
        """Make a key, and a file of it that its owner alone can read.

        Raises FileExistsError rather than overwrite one, OSError when the file cannot be written.
        """
        from cryptography.hazmat.primitives import serialization as form  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415

        key = Ed25519PrivateKey.generate()
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "wb") as stream:  # noqa: PTH123 - a Path is no descriptor
            stream.write(key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption()))
        return cls(key)

    @property
    def public(self) -> bytes:
        """The raw public key."""
        return self._key.public_key().public_bytes_raw()

    def sign(self, manifest: bytes) -> Signature:
        """Sign the bytes of a manifest, now."""
        time = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        signed = self._key.sign(_message(time, manifest))
        return Signature(key_id=key_id(self.public), signature=base64.b64encode(signed).decode(), time=time)


def key_id(public: bytes) -> str:
    """Return the name of a key in signatures: the first 16 hex digits of the sha256 of the raw public key."""
    return hashlib.sha256(public).hexdigest()[:16]


def _message(time: str, manifest: bytes) -> bytes:
    return PREFIX + time.encode() + b"\n" + manifest
