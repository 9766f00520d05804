"""Reads requests from a connection's bytes, within limits. Knows nothing of routes, turns or answers.

What llhttp would read otherwise than RFC 9112 does, or in two ways, is refused or told to it again.
"""

from __future__ import annotations

import time
from abc import abstractmethod
from typing import TYPE_CHECKING, NoReturn, Protocol

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.errors import (
    HeadersTooLargeError,
    HttpVersionError,
    MalformedError,
    MethodNotAllowedError,
    ServiceError,
    TooLargeError,
    UriTooLongError,
)
from service.http import head
from service.http.head import MAX_HEAD_BYTES, MAX_HEADERS, MAX_URL_BYTES, METHODS
from service.http.known import KnownHead

if TYPE_CHECKING:
    import asyncio

    from service.http.edge import Edge

CHUNK_BYTES = 24
"""What a chunk may add to its data for nothing: its size, of 16 digits at most, and the ends of two lines."""
FRAMING = (b"connection", b"proxy-connection", b"content-length", b"transfer-encoding", b"upgrade")
"""Headers by which the parser ends a message: in a trailer it would heed them too (RFC 9110 6.5.1)."""


class Message(Protocol):
    """A request whose head is read."""

    def receive(self, body: bytes) -> None:
        """Take a piece of the body."""


class Reader(HttpToolsProtocol):
    """The half of a connection that reads: a message at a time, each begun as soon as its head is good."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.edge: Edge = self.app_state["edge"]
        self.receiving: Message | None = None
        self.refusal: ServiceError | None = None
        self.in_head = self.upgrading = self.deaf = False
        self.known = KnownHead()
        self.repeatable = False
        """Whether the last message that the parser read may come again, and be taken as it was."""
        self.begun = 0
        """How many messages began in one read."""
        self.url = self.data = b""
        self.headers = []
        self.earlier: list[bytes] = []
        self.head_bytes = self.after_head = self.body_bytes = 0
        self.chunks = self.trailers = self.trailer_bytes = 0
        self._lenient()
        self.started = time.monotonic()

    @abstractmethod
    def begin(self, method: bytes, fields: dict[bytes, bytes], *, keep_alive: bool) -> None:
        """Set `receiving` to the message that begins with this head; `url` and `headers` have the rest."""

    @abstractmethod
    def take(self, url: bytes, headers: dict[bytes, bytes], body: bytes) -> bool:
        """Go on with a whole message, and return whether that is possible without the parser."""

    @abstractmethod
    def received(self) -> None:
        """Go on with the message that has become whole, which is received no more."""

    @abstractmethod
    def refuse(self, error: ServiceError) -> None:
        """Answer what is being received with `error`, and be deaf to what comes after it."""

    def data_received(self, data: bytes) -> None:
        between = self.receiving is None and not self.in_head
        if self.deaf or (between and self.repeatable and self._repeats(data)):
            return
        self.data, self.begun = data, 0
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._go_on(data, upgrade.args[0])
        except httptools.HttpParserError:
            self._refuse_unreadable()
        # Of a read nothing tells where in it a message begins or its head ends: reads after that one count.
        if self.in_head:
            self.head_bytes = self.head_bytes + len(data) if self.earlier else 0
            self.earlier.append(data)
            if self.head_bytes > MAX_HEAD_BYTES and not self.deaf:
                self.refuse(HeadersTooLargeError(f"headers of more than {MAX_HEAD_BYTES} bytes"))
        elif self.receiving is not None:
            self.after_head += len(data)
            if self.after_head - self.body_bytes - CHUNK_BYTES * self.chunks > MAX_HEAD_BYTES:
                self.refuse(HeadersTooLargeError(f"more than {MAX_HEAD_BYTES} bytes around the body's"))
        elif between and self.repeatable and self.begun == 1 and not self.deaf:
            self.known.learn(data, self.url, self.headers)
        self.data = b""

    def _repeats(self, data: bytes) -> bool:
        """Go on with `data` if it is a whole message whose head the parser need not read again."""
        if len(data) > self.edge.max_body_bytes:
            return False
        found = self.known.read(data)
        return found is not None and self.take(*found)

    def _go_on(self, data: bytes, place: int) -> None:
        """Read on in `data` from `place`, after a head that offers an upgrade: it is ignored (RFC 9110 7.8).

        The parser has ended that message with its head, whatever body it announced. A fresh one is told
        the head again without the offer, so that only RFC 9112 says where the message ends.
        """
        rest = memoryview(data)[place:]
        try:
            while True:
                lines = [b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, self.version.encode())]
                lines += [b"%b: %b" % header for header in self.headers if header[0] != b"upgrade"]
                self.data = b"\r\n".join([*lines, b"", b""])
                self.parser = httptools.HttpRequestParser(self)
                self._lenient()
                self.parser.feed_data(self.data)
                self.data, self.after_head = data, -len(data)
                try:
                    self.parser.feed_data(rest)
                except httptools.HttpParserUpgrade as upgrade:
                    rest = rest[upgrade.args[0] :]
                else:
                    return
        except httptools.HttpParserError:
            self._refuse_unreadable()

    def _lenient(self) -> None:
        """Have the parser read any version, to refuse it by its number, and drop what follows a close."""
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True, lenient_version=True)

    def _refuse_unreadable(self) -> None:
        if self.refusal is None and self.parser.get_method() == b"PRI":  # the preface of HTTP/2
            self.refusal = HttpVersionError()
        self.refuse(self.refusal or MalformedError("this is not a valid HTTP request"))

    def on_message_begin(self) -> None:
        self.begun += 1
        self.url = b""
        self.headers = []
        if not self.upgrading:  # else this is the same message, told again
            self.started = time.monotonic()
        self.in_head = True

    def on_url(self, url: bytes) -> None:
        self.url += url
        if len(self.url) > MAX_URL_BYTES:
            self.give_up(UriTooLongError(f"a URL of more than {MAX_URL_BYTES} bytes"))

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        if not self.in_head:
            self._drop_trailer(name, value)
            return
        headers = self.headers
        headers.append((name, value))
        if len(headers) > MAX_HEADERS:
            self.give_up(HeadersTooLargeError(f"more than {MAX_HEADERS} headers"))

    def _drop_trailer(self, name: bytes, value: bytes) -> None:
        """Take no notice of what comes after the body: whoever checked the head has not seen it."""
        self.trailers += 1
        self.trailer_bytes += len(name) + len(value)
        if self.trailers > MAX_HEADERS or self.trailer_bytes > MAX_HEAD_BYTES:
            self.give_up(HeadersTooLargeError("trailers of more bytes, or more of them, than headers may be"))
        if name in FRAMING:
            self.give_up(MalformedError(f"a trailer may not be named {name.decode()}"))

    def on_headers_complete(self) -> None:
        parser, headers = self.parser, self.headers
        fields = dict(headers)
        self.version = parser.get_http_version()
        # What is usual is told at little cost; of everything else each part is looked at.
        if (
            self.version != "1.1"
            or len(fields) != len(headers)
            or fields.get(b"host") not in self.edge.hosts.known
            or b"transfer-encoding" in fields
            or b" HTTP/1.1\r\n" not in self.data
            or self.earlier
            or len(self.data) > MAX_HEAD_BYTES
        ):
            self._begin_unusual(fields)
        method = parser.get_method()
        if (b"upgrade" in fields or method == b"CONNECT") and parser.should_upgrade():
            if method == b"CONNECT":
                self.give_up(MethodNotAllowedError(METHODS))
            self.upgrading = True
            return
        self.in_head = self.upgrading = False
        self.after_head, self.body_bytes = -len(self.data), 0
        keep_alive = self.version == "1.1" and parser.should_keep_alive()
        self.begin(method, fields, keep_alive=keep_alive)

    def _begin_unusual(self, fields: dict[bytes, bytes]) -> None:
        """Look at all of a head, and count anew the chunks and trailers that only such a message has."""
        read = b"".join([*self.earlier, self.data])
        try:
            head.check(self.version, self.parser.get_method(), self.url, self.headers, read)
        except ServiceError as error:
            self.give_up(error)
        refusal = self.edge.hosts.refusal(fields.get(b"host", b""))
        if refusal is not None:
            self.give_up(refusal)
        self.earlier = []
        self.chunks = self.trailers = self.trailer_bytes = 0

    def on_chunk_header(self) -> None:
        self.chunks += 1

    def on_body(self, body: bytes) -> None:
        self.body_bytes += len(body)
        if self.body_bytes > self.edge.max_body_bytes:
            self.too_large()
        if self.receiving is not None:
            self.receiving.receive(body)

    def on_message_complete(self) -> None:
        if self.upgrading:
            return
        self.received()

    def too_large(self) -> NoReturn:
        """Refuse a body that is larger than bodies may be, or says that it will be."""
        error = TooLargeError(f"a body of more than {self.edge.max_body_bytes} bytes")
        error.close = True
        self.give_up(error)

    def give_up(self, error: ServiceError) -> NoReturn:
        """Leave the parser: it turns what its callbacks raise into an error of its own."""
        self.refusal = error
        raise error
