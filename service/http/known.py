"""The head that a connection repeats, so that it is parsed twice and not each time. Knows no HTTP semantics.

A client sends nearly the same head with each request of a connection: what differs are a length, an id, a
trace, and which model it asks. From two heads that the parser has read, and that differ in nothing but such
values and first lines, follows what the parser would read in a third with a first line that it has read.
"""

import re

MAX_BYTES = 2048
"""Longer heads are not remembered: each open connection may hold one."""
MAX_VALUE_BYTES = 256
MAX_LINES = 32
"""First lines that are remembered: a client that asks many models has one for each."""
MAX_LINE_BYTES = 256
TRIES = 8
"""A connection whose heads go on differing in more than values is not learnt from any more."""
VALUE = re.compile(rb"[!-~]+( [!-~]+)*")
"""What certainly is a header's value, and nothing else (RFC 9110 5.5)."""
FIXED = frozenset([b"host", b"connection", b"proxy-connection", b"transfer-encoding", b"upgrade", b"expect"])
"""Headers whose values say how a message is read, or whether it is."""
UNUSUAL = frozenset([b"transfer-encoding", b"upgrade", b"expect"])
END = b"\r\n\r\n"


class KnownHead:
    """One connection's; bytes and header values are as they travel, names in lower case."""

    def __init__(self) -> None:
        self._urls: dict[bytes, bytes] = {}
        """What the parser read in a request's first line."""
        self._lines: list[bytes] = []
        self._varying: set[bytes] = set()
        self._parts: list[tuple[bytes, int, bytes]] = []
        self._rest = b""
        """What ends a known head; empty while none is known."""
        self._fields: dict[bytes, bytes] = {}
        self._tries = TRIES

    def read(self, data: bytes) -> tuple[bytes, dict[bytes, bytes], bytes] | None:
        """Return URL, headers and body if `data` is one whole request with the known head, and no more."""
        place = data.find(b"\r", 0, MAX_LINE_BYTES)
        url = self._urls.get(data[:place]) if self._rest else None
        if url is None:
            return None
        fields = self._fields.copy()
        for part, length, name in self._parts:
            if not data.startswith(part, place):
                return None
            place += length
            end = data.find(b"\r", place, place + MAX_VALUE_BYTES)
            value = data[place:end]
            if end < 0 or VALUE.fullmatch(value) is None:
                return None
            fields[name] = value
            place = end
        if not data.startswith(self._rest, place):
            return None
        body = data[place + len(self._rest) :]
        if fields[b"content-length"] != b"%d" % len(body):
            return None
        return url, fields, body

    def learn(self, data: bytes, url: bytes, headers: list[tuple[bytes, bytes]]) -> None:
        """Remember the head of `data`, a whole request, of which the parser has read `url` and `headers`."""
        if not self._tries:
            return
        head, _, body = data.partition(END)
        first, *lines = head.split(b"\r\n")
        new = first not in self._urls and len(self._urls) < MAX_LINES and len(first) < MAX_LINE_BYTES
        self._tries -= not new
        self._rest = b""
        fields = dict(headers)
        before, self._lines = self._lines, []
        if (
            len(head) > MAX_BYTES
            or b" %b " % url not in first
            or len(lines) != len(headers)
            or len(fields) != len(headers)
            or not UNUSUAL.isdisjoint(fields)
            or fields.get(b"content-length") != b"%d" % len(body)
        ):
            return
        self._lines = lines
        if new:
            self._urls[first] = url
        if len(before) != len(lines):
            self._varying = set()
            return
        text, parts = b"", []
        for line, old, (name, value) in zip(lines, before, headers, strict=True):
            start = line[: len(line) - len(value)]
            if line != old:
                self._varying.add(name)
            text += b"\r\n"
            if name not in self._varying:
                text += line
                continue
            plain = value and start + value == line and start.rstrip(b" \t").lower() == name + b":"
            if name in FIXED or not plain:
                self._varying = set()
                return
            text += start
            parts.append((text, len(text), name))
            text = b""
        self._fields = fields
        self._parts, self._rest = parts, text + END
