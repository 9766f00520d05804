"""A client's connection: uvicorn's HTTP protocol with limits and the data plane's short way.

Requests for the data plane never become ASGI calls. All others do, through uvicorn. Answers leave in the
order of their requests. Knows nothing of rows, batches or workers.
"""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import unquote_to_bytes

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from service.call import Call
from service.errors import (
    HeadersTooLargeError,
    MalformedError,
    OverloadedError,
    RequestTimeoutError,
    ServiceError,
    TooLargeError,
    UriTooLongError,
)
from service.listener import let_in

if TYPE_CHECKING:
    import asyncio

    from service.edge import Edge

MAX_URL_BYTES = 8 * 1024
MAX_HEAD_BYTES = 32 * 1024
MAX_HEADERS = 100
LINGER_S = 2.0
"""An early refusal goes on reading this long, or the client would see a reset instead of the answer."""
GRACE_S = 0.3
"""An idle connection stays open this long at the end: a close would reset a request that is on its way."""


class Protocol(HttpToolsProtocol):
    """One connection. `turns` holds its unanswered requests in order; `current` is being answered."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.edge: Edge = self.app_state["edge"]
        self.turns: deque[Call | tuple[RequestResponseCycle, Any]] = deque()
        self.current: Call | tuple[RequestResponseCycle, Any] | None = None
        self.receiving: Call | RequestResponseCycle | None = None
        self.refusal: ServiceError | None = None
        self.in_head = self.closing = self.lingering = False
        self.headers = []
        self.body_bytes = self.head_bytes = 0
        self.started = self.last_active = time.monotonic()
        if self.edge.draining():
            let_in(transport.get_extra_info("socket").fileno())
        self.edge.opened(self)
        if len(self.edge.connections) > self.edge.max_connections:
            self.edge.metrics.rejected("connections")
            # Without lingering: it would hold a descriptor, which is what there are too few of.
            self._refuse(OverloadedError("too many connections are open; try again later"), linger=False)

    def connection_lost(self, exc: Exception | None) -> None:
        self.edge.connections.discard(self)
        for turn in self.turns:
            if isinstance(turn, Call):
                turn.cancel()
            else:
                self._abandon(turn[0])
        self.cycle = None  # type: ignore[assignment] # every cycle has just been told
        super().connection_lost(exc)

    # Bytes in

    def data_received(self, data: bytes) -> None:
        if self.lingering:
            return
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            # HTTP/1.1 stays; a client that offered more goes on with it.
            if rest := data[upgrade.args[0] :]:
                self.data_received(rest)
        except httptools.HttpParserError:
            self._refuse(self.refusal or MalformedError("this is not a valid HTTP request"))
        else:
            if self.in_head:
                self.head_bytes += len(data)
                if self.head_bytes > MAX_HEAD_BYTES:
                    self._refuse(HeadersTooLargeError(f"headers of more than {MAX_HEAD_BYTES} bytes"))

    def on_message_begin(self) -> None:
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self.started = time.monotonic()
        self.in_head = True
        self.body_bytes = self.head_bytes = 0

    def on_url(self, url: bytes) -> None:
        self.url += url
        if len(self.url) > MAX_URL_BYTES:
            self._raise(UriTooLongError(f"a URL of more than {MAX_URL_BYTES} bytes"))

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        headers = self.headers
        headers.append((name, value))
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        if len(headers) > MAX_HEADERS:
            self._raise(HeadersTooLargeError(f"more than {MAX_HEADERS} headers"))

    def on_headers_complete(self) -> None:
        self.in_head = False
        if self.parser.get_method() == b"POST":
            path = _path(self.url)
            route = self.edge.route(path)
            if route is not None:
                self._begin_call(Call(self, route))
                return
        # What uvicorn makes of a request, from here on; the data plane does without.
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers.extend(headers)
        self.cycle = None  # type: ignore[assignment] # so that uvicorn leaves the order of answers to `turns`
        super().on_headers_complete()

    def _begin_call(self, call: Call) -> None:
        call.keep_alive = self.parser.get_http_version() != "1.0" and self.parser.should_keep_alive()
        self.receiving = call
        self.turns.append(call)
        length = call.headers.get(b"content-length")
        if length is not None and int(length) > self.edge.settings.max_body_bytes:
            self._raise(_body_too_large(self.edge))
        if self.expect_100_continue and len(self.turns) == 1:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self.receiving = cycle
        self.turns.append((cycle, app))
        self._advance()

    def on_body(self, body: bytes) -> None:
        self.body_bytes += len(body)
        if self.body_bytes > self.edge.settings.max_body_bytes:
            self._raise(_body_too_large(self.edge))
        if isinstance(self.receiving, Call):
            self.receiving.body.append(body)
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        receiving, self.receiving = self.receiving, None
        if isinstance(receiving, Call):
            receiving.complete = True
            if len(self.turns) > 1:
                self.flow.pause_reading()
            self._advance()
        else:
            super().on_message_complete()

    # Answers out

    def _advance(self) -> None:
        """Start answering the first request, and the next ones as long as answers come at once."""
        while self.current is None and self.turns:
            turn = self.turns[0]
            if isinstance(turn, Call):
                if not turn.complete:
                    return
                self.current = turn
                turn.run()
            else:
                self.current = turn
                turn[0].keep_alive = turn[0].keep_alive and not self.edge.draining()
                super()._start_asgi_task(*turn)

    def answered(self, *, keep_alive: bool) -> None:
        """Take the answered request off; go on with the next one, or end the connection."""
        self.turns.popleft()
        self.current = None
        self.last_active = time.monotonic()
        if not keep_alive or self.closing:
            self._close()
        elif self.turns:
            self._advance()
        else:
            self.flow.resume_reading()

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self.turns and not self.transport.is_closing():
            self.answered(keep_alive=True)

    def _refuse(self, error: ServiceError, *, linger: bool = True) -> None:
        """Answer what is being received with `error`, after the answers before it, and then close."""
        self.lingering = linger
        receiving, self.receiving = self.receiving, None
        if isinstance(receiving, RequestResponseCycle):
            if receiving.response_started:
                self.transport.close()
                return
            self._abandon(receiving)
            self.turns.pop()
            if not self.turns:
                self.current = None
        call = receiving if isinstance(receiving, Call) else Call(self, None)
        if call is not receiving:
            self.turns.append(call)
        call.refusal, call.complete, call.keep_alive = error, True, False
        self._advance()

    def _raise(self, error: ServiceError) -> NoReturn:
        """Leave the parser: it turns what its callbacks raise into an error of its own."""
        self.refusal = error
        raise error

    @staticmethod
    def _abandon(cycle: RequestResponseCycle) -> None:
        cycle.disconnected = True
        cycle.message_event.set()

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
            if not isinstance(turn, Call):
                turn[0].keep_alive = False

    def _close_if_idle(self) -> None:
        if not self.turns and not self.in_head:
            self.transport.close()

    # Time and pressure

    def check_time(self, now: float) -> None:
        """End the connection if its client is too slow, or has been silent for too long."""
        settings = self.edge.settings
        if self.transport.get_write_buffer_size():
            if now - max(self.started, self.last_active) > settings.receive_timeout_s:
                self.transport.abort()
        elif self.lingering:
            if not self.turns and now - self.last_active > LINGER_S:
                self.transport.close()
        elif self.in_head or self.receiving is not None:
            if now - self.started > settings.receive_timeout_s:
                self._refuse(RequestTimeoutError("the request did not arrive in time"))
        elif not self.turns and now - self.last_active > settings.keep_alive_s:
            self.transport.close()

    def pause_writing(self) -> None:
        super().pause_writing()
        self.flow.pause_reading()

    def resume_writing(self) -> None:
        super().resume_writing()
        if len(self.turns) <= 1:
            self.flow.resume_reading()


def _path(url: bytes) -> bytes:
    """Return the decoded path of a request target in origin or absolute form."""
    if not url.startswith(b"/"):
        url = httptools.parse_url(url).path or b"/"
    path = url.partition(b"?")[0]
    return unquote_to_bytes(path) if b"%" in path else path


def _body_too_large(edge: Edge) -> TooLargeError:
    error = TooLargeError(f"a body of more than {edge.settings.max_body_bytes} bytes")
    error.close = True
    return error
