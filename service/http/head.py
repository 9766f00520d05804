"""A request's head: what could be read in two ways is refused. Knows nothing of connections.

The parser refuses what is no HTTP at all; this is about what it reads and should not (RFC 9112, RFC 9110).
"""

import re

import httptools

from service.errors import HeadersTooLargeError, HttpVersionError, MalformedError

MAX_URL_BYTES = 8 * 1024
MAX_HEAD_BYTES = 32 * 1024
MAX_HEADERS = 100
METHODS = "GET, HEAD, POST, OPTIONS"
"""What any path may take."""
ONCE = (
    b"host",
    b"authorization",
    b"x-api-key",
    b"content-type",
    b"content-encoding",
    b"origin",
    b"x-request-timeout-ms",
    b"inference-header-content-length",
)
"""Headers that decide who asks, or how a request is read: a proxy may take the first of two, we the last."""

Headers = list[tuple[bytes, bytes]]
"""In the order in which they came, names in lower case."""


def check(version: str, method: bytes, url: bytes, headers: Headers, read: bytes) -> None:
    """Refuse another version than HTTP/1.0 and 1.1, a wrong coding, no Host, what is given twice, too much.

    `read` are the bytes in which the head is, and maybe more. Raises HttpVersionError, MalformedError or
    HeadersTooLargeError.
    """
    if version not in {"1.0", "1.1"} or _is_foreign(version, method, url, read):
        raise HttpVersionError
    fields = dict(headers)
    if version == "1.0" and b"transfer-encoding" in fields:
        raise MalformedError("Transfer-Encoding: HTTP/1.0 has none")
    if version == "1.1" and b"host" not in fields:
        raise MalformedError("wanted a Host header")
    names = [name for name, _ in headers]
    for name in ONCE:
        if names.count(name) > 1:
            raise MalformedError(f"more than one {name.decode()} header")
    if fields.get(b"transfer-encoding", b"chunked").strip().lower() != b"chunked":
        raise MalformedError("Transfer-Encoding: wanted chunked")
    if len(url) + sum(len(name) + len(value) + len(": \r\n") for name, value in headers) > MAX_HEAD_BYTES:
        raise HeadersTooLargeError(f"headers of more than {MAX_HEAD_BYTES} bytes")


def target(url: bytes) -> tuple[bytes, bytes]:
    """Return path and query of a request target (RFC 9112 3.2), as they came."""
    if url.startswith((b"/", b"*")):
        path, _, query = url.partition(b"?")
        return path, query
    parsed = httptools.parse_url(url)
    return parsed.path or b"/", parsed.query or b""


def _is_foreign(version: str, method: bytes, url: bytes, read: bytes) -> bool:
    """Return whether this is RTSP or ICE, of which the parser reads the version and not the name."""
    if version != "1.0" and b" HTTP/1.1\r\n" in read:
        return False
    return re.search(method + rb" +" + re.escape(url) + rb" +(RTSP|ICE)/", read) is not None
