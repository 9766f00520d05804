"""Tokens: what an answer said of a row, signed, so that its label can come without anything being kept.

A token is url-safe base64, without padding, of this, all numbers little-endian:

    format u8 | bytes of the name u8 | classes u16 | positive u16 | version u32 |
    digest of the classes 8 bytes | model's name | 0 to 2 zeros
    0 to 2 zeros | issued u32 | label u16 | probabilities f32 [classes] | number u64
    MAC 16 bytes

`issued` is Unix time in seconds. The zeros make what ends with the name, and the whole, multiples of three
bytes, so that no bit of the text is without meaning. The MAC is a keyed BLAKE2b of all that is before it.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import itertools
import json
import re
import secrets
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from models.manifest import Manifest

FORMAT = 1
HEAD = struct.Struct("<BBHHI8s")
ROW = "IH{}fQ"
NUMBER = struct.Struct("<Q")
MAC_BYTES, DIGEST_BYTES = 16, 8

LAST_CHARACTERS = (NUMBER.size + MAC_BYTES) * 4 // 3
"""The number and the MAC are the end of the text too: 24 bytes are 32 characters."""
FORM = re.compile(r"(?:[A-Za-z0-9_-]{4})+")
Keep = Callable[[str, Mapping[str, Any]], None]
"""A token's id, and the row's cells as the client sent them, by input."""
Issue = Callable[[Sequence[float], int, int], bytes]
"""Probabilities, class and time of an answer to its token."""
TO_URL, FROM_URL = bytes.maketrans(b"+/", b"-_"), bytes.maketrans(b"-_", b"+/")


class Token(NamedTuple):
    """What an answer said of a row.

    `classes` is the digest of the labels, of which `label` and `positive` are places.
    """

    model: str
    version: str
    classes: bytes
    positive: int
    issued: int
    label: int
    probabilities: tuple[float, ...]
    number: int


class Key:
    """What signs tokens, and knows its own again."""

    def __init__(self, secret: bytes) -> None:
        self._key = hashlib.blake2b(secret, person=b"logitserve token").digest()

    def begin(self, head: bytes) -> hashlib.blake2b:
        """Return the MAC of what begins with `head`."""
        return hashlib.blake2b(head, key=self._key, digest_size=MAC_BYTES)

    def read(self, text: str) -> Token:
        """Return what is in a token. Raises ValueError when it was not made with this key."""
        if not FORM.fullmatch(text):
            raise ValueError("not a token")
        raw = binascii.a2b_base64(text.encode().translate(FROM_URL))
        signed, mac = raw[:-MAC_BYTES], raw[-MAC_BYTES:]
        if not hmac.compare_digest(self.begin(signed).digest(), mac) or signed[0] != FORMAT:
            raise ValueError("not made with this key")
        _, length, classes, positive, version, digest = HEAD.unpack_from(signed)
        name = signed[HEAD.size : HEAD.size + length].decode()
        row = struct.Struct("<" + ROW.format(classes))
        issued, label, *probabilities, number = row.unpack(signed[-row.size :])
        return Token(name, str(version), digest, positive, issued, label, tuple(probabilities), number)


class Issuer:
    """Makes the tokens of one version's answers."""

    def __init__(
        self, key: Key, manifest: Manifest, numbers: Iterator[int], keep: Keep | None = None
    ) -> None:
        """`numbers` are the process's own, so that none is given twice.

        `keep` takes each row that gets a token, where rows are kept.
        """
        self.keep = keep
        name, classes = manifest.name.encode(), len(manifest.classes)
        digest = classes_digest(manifest.classes)
        positive = manifest.decision.positive
        head = HEAD.pack(FORMAT, len(name), classes, positive, manifest.version, digest) + name
        head += bytes(-len(head) % 3)
        row = ROW.format(classes)
        zeros = -(struct.calcsize("<" + row) + MAC_BYTES) % 3
        self._pack = struct.Struct(f"<{zeros}x{row}").pack
        self._mac = key.begin(head).copy
        self._head = binascii.b2a_base64(head, newline=False).translate(TO_URL)
        self._numbers = numbers

    def issue(self, probabilities: Sequence[float], label: int, now: int) -> bytes:
        """Return the token of a row that was answered `now`, in Unix seconds, by class `label`."""
        row = self._pack(now, label, *probabilities, next(self._numbers))
        mac = self._mac()
        mac.update(row)
        return self._head + binascii.b2a_base64(row + mac.digest(), newline=False).translate(TO_URL)


def fresh_numbers() -> Iterator[int]:
    """Return numbers that no other process gives, but by a chance of one in a billion.

    They count on from a place among 2^62 that is drawn.
    """
    return itertools.count(secrets.randbits(62))


def classes_digest(classes: Sequence[str]) -> bytes:
    """Return what tells the labels of one model's versions apart from those of another training."""
    return hashlib.blake2b(json.dumps([*classes]).encode(), digest_size=DIGEST_BYTES).digest()


def token_id(number: int) -> str:
    """Return a token's number as what rows and labels are joined by: 16 hex digits."""
    return f"{number:016x}"


def id_of(token: bytes) -> str:
    """Return the id of a token that an issuer made."""
    last = binascii.a2b_base64(token[-LAST_CHARACTERS:].translate(FROM_URL))
    return token_id(NUMBER.unpack_from(last)[0])
