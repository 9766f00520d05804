"""A client's connection: uvicorn's HTTP protocol with limits and the data plane's short way.

Requests for the data plane never become ASGI calls. All others do, through uvicorn. Answers leave in the
order of their requests. Knows nothing of rows, batches or workers.
"""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import unquote_to_bytes

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.errors import (
    HeadersTooLargeError,
    HttpVersionError,
    MalformedError,
    MethodNotAllowedError,
    OverloadedError,
    RequestTimeoutError,
    ServiceError,
    TooLargeError,
    UriTooLongError,
)
from service.http import head
from service.http.backlog import let_in
from service.http.cycle import make_cycle
from service.http.head import MAX_HEAD_BYTES, MAX_HEADERS, MAX_URL_BYTES, METHODS
from service.http.turns import AppTurn, DirectTurn

if TYPE_CHECKING:
    import asyncio

    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

    from service.http.direct import Route
    from service.http.edge import Edge

CHUNK_BYTES = 24
"""What a chunk may add to its data for nothing: its size, of 16 digits at most, and the ends of two lines."""
FRAMING = (b"connection", b"proxy-connection", b"content-length", b"transfer-encoding", b"upgrade")
"""Headers by which the parser ends a message: in a trailer it would heed them too (RFC 9110 6.5.1)."""
LINGER_S = 2.0
"""An early refusal goes on reading this long, or the client would see a reset instead of the answer."""
GRACE_S = 0.3
"""An idle connection stays open this long at the end: a close would reset a request that is on its way."""


class Connection(HttpToolsProtocol):
    """One connection. `turns` holds its unanswered requests in order; `current` is being answered."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.edge: Edge = self.app_state["edge"]
        self.turns: deque[DirectTurn | AppTurn] = deque()
        self.current: DirectTurn | AppTurn | None = None
        self.receiving: DirectTurn | AppTurn | None = None
        self.refusal: ServiceError | None = None
        self.in_head = self.closing = self.lingering = False
        self.upgrading = self.advancing = False
        self.url = self.data = b""
        self.headers = []
        self.earlier: list[bytes] = []
        self.head_bytes = self.after_head = self.body_bytes = 0
        self.chunks = self.trailers = self.trailer_bytes = 0
        self._lenient()
        self.started = self.last_active = time.monotonic()
        if self.edge.draining():
            let_in(transport.get_extra_info("socket").fileno())
        sweep = self.edge.sweep
        sweep.opened(self)
        if len(sweep.connections) > self.edge.max_connections:
            self.edge.accounting.rejected("connections")
            # Without lingering: it would hold a descriptor, which is what there are too few of.
            self._refuse(OverloadedError("too many connections are open; try again later"), linger=False)

    def connection_lost(self, exc: Exception | None) -> None:
        self.edge.sweep.closed(self)
        for turn in self.turns:
            turn.cancel()
        super().connection_lost(exc)

    # Bytes in

    def data_received(self, data: bytes) -> None:
        if self.lingering:
            return
        self.data = data
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
            if self.head_bytes > MAX_HEAD_BYTES and not self.lingering:
                self._refuse(HeadersTooLargeError(f"headers of more than {MAX_HEAD_BYTES} bytes"))
        elif self.receiving is not None:
            self.after_head += len(data)
            if self.after_head - self.body_bytes - CHUNK_BYTES * self.chunks > MAX_HEAD_BYTES:
                self._refuse(HeadersTooLargeError(f"more than {MAX_HEAD_BYTES} bytes around the body's"))
        self.data = b""

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
        self._refuse(self.refusal or MalformedError("this is not a valid HTTP request"))

    def on_message_begin(self) -> None:
        self.url = b""
        self.headers = []
        if not self.upgrading:  # else this is the same message, told again
            self.started = time.monotonic()
        self.in_head = True

    def on_url(self, url: bytes) -> None:
        self.url += url
        if len(self.url) > MAX_URL_BYTES:
            self._raise(UriTooLongError(f"a URL of more than {MAX_URL_BYTES} bytes"))

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        if not self.in_head:
            self._drop_trailer(name, value)
            return
        headers = self.headers
        headers.append((name, value))
        if len(headers) > MAX_HEADERS:
            self._raise(HeadersTooLargeError(f"more than {MAX_HEADERS} headers"))

    def _drop_trailer(self, name: bytes, value: bytes) -> None:
        """Take no notice of what comes after the body: whoever checked the head has not seen it."""
        self.trailers += 1
        self.trailer_bytes += len(name) + len(value)
        if self.trailers > MAX_HEADERS or self.trailer_bytes > MAX_HEAD_BYTES:
            self._raise(HeadersTooLargeError("trailers of more bytes, or more of them, than headers may be"))
        if name in FRAMING:
            self._raise(MalformedError(f"a trailer may not be named {name.decode()}"))

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
            self._check_head(fields)
        method = parser.get_method()
        if (b"upgrade" in fields or method == b"CONNECT") and parser.should_upgrade():
            if method == b"CONNECT":
                self._raise(MethodNotAllowedError(METHODS))
            self.upgrading = True
            return
        self.in_head = self.upgrading = False
        self.after_head, self.body_bytes = -len(self.data), 0
        route = self.edge.routes.paths.get(self.url) if method == b"POST" else None
        keep_alive = self.version == "1.1" and parser.should_keep_alive()
        if route is not None:
            self._begin_call(route, fields, keep_alive=keep_alive)
        else:
            self._begin_other(method, fields, keep_alive=keep_alive)

    def _check_head(self, fields: dict[bytes, bytes]) -> None:
        read = b"".join([*self.earlier, self.data])
        try:
            head.check(self.version, self.parser.get_method(), self.url, self.headers, read)
        except ServiceError as error:
            self._raise(error)
        refusal = self.edge.hosts.refusal(fields.get(b"host", b""))
        if refusal is not None:
            self._raise(refusal)
        self.earlier = []
        self.chunks = self.trailers = self.trailer_bytes = 0

    def _begin_call(self, route: Route, fields: dict[bytes, bytes], *, keep_alive: bool) -> None:
        self.receiving = turn = DirectTurn(self, route, fields)
        turn.keep_alive = keep_alive
        self.turns.append(turn)
        length = fields.get(b"content-length")
        if length is not None and int(length) > self.edge.max_body_bytes:
            self._raise(_body_too_large(self.edge))
        if b"expect" in fields and self._expects(fields) and len(self.turns) == 1:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _begin_other(self, method: bytes, fields: dict[bytes, bytes], *, keep_alive: bool) -> None:
        """Begin what is not for one of the data plane's paths, as it stands."""
        if b"#" in self.url:
            self._raise(MalformedError("the request's target has a fragment"))
        path, query = head.target(self.url)
        route = self.edge.routes.find(unquote_to_bytes(path)) if method == b"POST" else None
        if route is not None:
            self._begin_call(route, fields, keep_alive=keep_alive)
            return
        self.receiving = turn = AppTurn(
            self,
            make_cycle(
                self,
                self.version,
                method,
                path,
                query,
                self.headers,
                expects=self._expects(fields),
                keep_alive=keep_alive,
            ),
        )
        self.turns.append(turn)
        if len(self.turns) > 1:
            self.flow.pause_reading()
        self._advance()

    def _expects(self, fields: dict[bytes, bytes]) -> bool:
        return self.version == "1.1" and fields.get(b"expect", b"").lower() == b"100-continue"

    def on_chunk_header(self) -> None:
        self.chunks += 1

    def on_body(self, body: bytes) -> None:
        self.body_bytes += len(body)
        if self.body_bytes > self.edge.max_body_bytes:
            self._raise(_body_too_large(self.edge))
        if self.receiving is not None:
            self.receiving.receive(body)

    def on_message_complete(self) -> None:
        if self.upgrading:
            return
        receiving, self.receiving = self.receiving, None
        if receiving is not None:
            receiving.finish()
            if len(self.turns) > 1:
                self.flow.pause_reading()
                self._advance()
            elif self.turns and self.current is None:  # alone, which is usual
                self.current = receiving
                receiving.start()

    # Answers out

    def _advance(self) -> None:
        """Start answering the first request, and the next ones as long as answers come at once."""
        if self.advancing:  # an answer that came at once: the loop below goes on
            return
        self.advancing = True
        while self.current is None and self.turns and self.turns[0].complete:
            self.current = self.turns[0]
            self.current.start()
        self.advancing = False

    def run_app(self, cycle: RequestResponseCycle) -> None:
        """Have the app answer a request."""
        self._start_asgi_task(cycle, self.app)

    def answered(self, *, keep_alive: bool) -> None:
        """Take the answered request off; go on with the next one, or end the connection."""
        self.turns.popleft()
        self.current = None
        self.last_active = time.monotonic()
        if not keep_alive or self.closing:
            self._close()
            return
        if len(self.turns) <= 1:  # the last one may not have arrived yet
            self.flow.resume_reading()
        if self.turns:
            self._advance()

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self.turns and not self.transport.is_closing():
            self.answered(keep_alive=True)

    def _refuse(self, error: ServiceError, *, linger: bool = True) -> None:
        """Answer what is being received with `error`, after the answers before it, and then close."""
        self.lingering = linger
        receiving, self.receiving = self.receiving, None
        if isinstance(receiving, AppTurn):
            if receiving.abandon():
                self.transport.close()
                return
            self.turns.pop()
            if not self.turns:
                self.current = None
            receiving = None
        if receiving is None:
            method = self.parser.get_method().decode() if self.url else ""
            receiving = DirectTurn(self, None, dict(self.headers), method)
            self.turns.append(receiving)
        receiving.refuse(error)
        self._advance()

    def _raise(self, error: ServiceError) -> NoReturn:
        """Leave the parser: it turns what its callbacks raise into an error of its own."""
        self.refusal = error
        raise error

    def _close(self) -> None:
        if not self.lingering:
            self.transport.close()
        elif self.transport.can_write_eof():
            self.transport.write_eof()  # the rest of the request is read and dropped until the sweep closes

    def shutdown(self) -> None:
        """End the connection, after the answers that it still waits for and what is on its way."""
        self.closing = True
        self.loop.call_later(GRACE_S, self._close_if_idle)
        for turn in self.turns:
            turn.end_after()

    def _close_if_idle(self) -> None:
        if not self.turns and not self.in_head:
            self.transport.close()

    # Time and pressure

    def check_time(self, now: float) -> None:
        """End the connection if its client is too slow, or has been silent for too long."""
        edge = self.edge
        if self.transport.get_write_buffer_size():
            if now - max(self.started, self.last_active) > edge.receive_timeout_s:
                self.transport.abort()
        elif self.lingering:
            if not self.turns and now - self.last_active > LINGER_S:
                self.transport.close()
        elif self.in_head or self.receiving is not None:
            if now - self.started > edge.receive_timeout_s:
                self._refuse(RequestTimeoutError("the request did not arrive in time"))
        elif not self.turns and now - self.last_active > edge.keep_alive_s:
            self.transport.close()

    def pause_writing(self) -> None:
        super().pause_writing()
        self.flow.pause_reading()

    def resume_writing(self) -> None:
        super().resume_writing()
        if len(self.turns) <= 1:
            self.flow.resume_reading()


def _body_too_large(edge: Edge) -> TooLargeError:
    error = TooLargeError(f"a body of more than {edge.max_body_bytes} bytes")
    error.close = True
    return error
