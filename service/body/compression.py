"""Compressed bodies: inflates a request's within its limit, compresses an answer. Knows nothing of either."""

import zlib

from service.errors import MalformedError, TooLargeError, UnsupportedError, quote

# zlib's names of the formats: its own, which HTTP calls deflate, and gzip's.
WINDOWS = {b"gzip": 16 + zlib.MAX_WBITS, b"deflate": zlib.MAX_WBITS}
SAME = {b"x-gzip": b"gzip"}
"""The name of old for gzip, which RFC 9110 8.4.1.3 asks to take as the same."""
LEVEL = 1
"""The fastest: an answer is compressed while other requests wait."""
MIN_BYTES = 1024
"""An answer that fits one network packet gains nothing by compression."""


def inflate(body: bytes, encoding: bytes, limit: int) -> bytes:
    """Return `body` as it was before its Content-Encoding, at most `limit` bytes.

    Raises UnsupportedError for an unknown encoding, MalformedError for what is not in it, and TooLargeError
    before more than `limit` bytes are inflated.
    """
    name = encoding.strip().lower()
    name = SAME.get(name, name)
    if name == b"identity":
        return body
    if name not in WINDOWS:
        what = "wanted one Content-Encoding, found" if b"," in name else "unknown Content-Encoding"
        raise UnsupportedError(f"{what} {quote(encoding.decode('latin-1'))}")
    inflater = zlib.decompressobj(WINDOWS[name])
    try:
        plain = inflater.decompress(body, limit + 1)
    except zlib.error:
        raise MalformedError(f"the body is not in its Content-Encoding, {name.decode()}") from None
    if len(plain) > limit:
        raise TooLargeError(f"a body of more than {limit} bytes when decompressed")
    if not inflater.eof or inflater.unused_data:
        # Members after the first would make a small body cost as much as many.
        raise MalformedError(f"the body is not one complete {name.decode()} stream")
    return plain


def choose(accepted: bytes) -> bytes | None:
    """Return the encoding that an Accept-Encoding header likes best of ours, or None."""
    weights: dict[bytes, float] = {}
    for part in accepted.lower().split(b","):
        name, _, parameter = part.partition(b";")
        name = name.strip()
        weights[SAME.get(name, name)] = _weight(parameter.strip())
    best = max(WINDOWS, key=lambda name: weights.get(name, 0.0))  # the first of equals
    return best if weights.get(best, 0.0) > 0 else None


def takes_gzip(accepted: str) -> bool:
    """Return whether an Accept-Encoding header, "" without one, likes gzip best."""
    return choose(accepted.encode("latin-1")) == b"gzip"


def compress(body: bytes, encoding: bytes) -> bytes:
    """Return `body` in `encoding`, one that `choose` gave."""
    compressor = zlib.compressobj(LEVEL, wbits=WINDOWS[encoding])
    return compressor.compress(body) + compressor.flush()


def _weight(parameter: bytes) -> float:
    if not parameter.startswith(b"q="):
        return 1.0
    try:
        return float(parameter[2:])
    except ValueError:
        return 0.0
