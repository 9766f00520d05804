"""A client's connection: requests take turns, answers leave in that order, and either side ends it.

Requests for the data plane never become ASGI calls; all others do, through uvicorn. Knows nothing of rows,
batches or workers.
"""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from service.backlog import let_in
from service.errors import MalformedError, OverloadedError, RequestTimeoutError, ServiceError
from service.http import head
from service.http.cycle import make_cycle
from service.http.reader import Reader
from service.http.turns import AppTurn, DirectTurn

if TYPE_CHECKING:
    import asyncio

    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle


LINGER_S = 2.0
"""An early refusal goes on reading this long, or the client would see a reset instead of the answer."""
GRACE_S = 0.3
"""An idle connection stays open this long at the end: a close would reset a request that is on its way."""


class Connection(Reader):
    """One connection. `turns` holds its unanswered requests in order; `current` is being answered."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.turns: deque[DirectTurn | AppTurn] = deque()
        self.current: DirectTurn | AppTurn | None = None
        self.receiving: DirectTurn | AppTurn | None = None
        self.closing = self.advancing = False
        self.last_active = self.started
        if self.edge.draining():
            let_in(transport.get_extra_info("socket").fileno())
        sweep = self.edge.sweep
        sweep.opened(self)
        if len(sweep.connections) > self.edge.max_connections:
            self.edge.accounting.rejected("connections")
            # Without lingering: it would hold a descriptor, which is what there are too few of.
            self.refuse(OverloadedError("too many connections are open; try again later"), linger=False)

    def connection_lost(self, exc: Exception | None) -> None:
        self.edge.sweep.closed(self)
        for turn in self.turns:
            turn.cancel()
        super().connection_lost(exc)

    def begin(self, method: bytes, fields: dict[bytes, bytes], *, keep_alive: bool) -> None:
        """Make a turn of the request whose head is read."""
        route = self.edge.routes.paths.get(self.url) if method == b"POST" else None
        self.repeatable = keep_alive and route is not None
        if route is None:
            path, query = self._target()
            route = self.edge.routes.find(unquote_to_bytes(path)) if method == b"POST" else None
            if route is None:
                self._begin_app(method, path, query, fields, keep_alive=keep_alive)
                return
        self.receiving = turn = DirectTurn(self, route, fields)
        turn.keep_alive = keep_alive
        self.turns.append(turn)
        length = fields.get(b"content-length")
        if length is not None and int(length) > self.edge.max_body_bytes:
            self.too_large()
        if b"expect" in fields and self._expects(fields) and len(self.turns) == 1:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _target(self) -> tuple[bytes, bytes]:
        """Return path and query of a request that is not simply for one of the data plane's paths."""
        if b"#" in self.url:
            self.give_up(MalformedError("the request's target has a fragment"))
        return head.target(self.url)

    def _begin_app(
        self, method: bytes, path: bytes, query: bytes, fields: dict[bytes, bytes], *, keep_alive: bool
    ) -> None:
        cycle = make_cycle(
            self,
            self.version,
            method,
            path,
            query,
            self.headers,
            expects=self._expects(fields),
            keep_alive=keep_alive,
        )
        self.receiving = turn = AppTurn(self, cycle)
        self.turns.append(turn)
        if len(self.turns) > 1:
            self.flow.pause_reading()
        self._advance()

    def _expects(self, fields: dict[bytes, bytes]) -> bool:
        return self.version == "1.1" and fields.get(b"expect", b"").lower() == b"100-continue"

    def take(self, url: bytes, headers: dict[bytes, bytes], body: bytes) -> bool:
        """Make a turn of a whole request whose head is known, if it is for the data plane."""
        route = self.edge.routes.paths.get(url)
        if route is None:
            return False
        self.started = time.monotonic()
        self.receiving = turn = DirectTurn(self, route, headers)
        turn.receive(body)
        self.turns.append(turn)
        self.received()
        return True

    def received(self) -> None:
        """Start on the request that is whole, if no other is before it."""
        turn, self.receiving = self.receiving, None
        if turn is None:
            return
        if len(self.turns) == 1 and self.current is None:  # alone and not begun, which is usual
            self.current = turn
            turn.start()
            return
        turn.finish()
        if len(self.turns) > 1:
            self.flow.pause_reading()
            self._advance()

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

    def ends(self) -> bool:
        """Return whether the answer that leaves now should be the last: nobody waits for another one."""
        return self.edge.draining() or (len(self.turns) == 1 and self.edge.sweep.sheds())

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

    def refuse(self, error: ServiceError, *, linger: bool = True) -> None:
        """Answer what is being received with `error`, after the answers before it, and then close."""
        self.deaf = linger
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

    def _close(self) -> None:
        if not self.deaf:
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

    def check_time(self, now: float) -> None:
        """End the connection if its client is too slow, or has been silent for too long."""
        edge = self.edge
        if self.transport.get_write_buffer_size():
            if now - max(self.started, self.last_active) > edge.receive_timeout_s:
                self.transport.abort()
        elif self.deaf:
            if not self.turns and now - self.last_active > LINGER_S:
                self.transport.close()
        elif self.in_head or self.receiving is not None:
            if now - self.started > edge.receive_timeout_s:
                self.refuse(RequestTimeoutError("the request did not arrive in time"))
        elif not self.turns and now - self.last_active > edge.keep_alive_s:
            self.transport.close()

    def pause_writing(self) -> None:
        super().pause_writing()
        self.flow.pause_reading()

    def resume_writing(self) -> None:
        super().resume_writing()
        if len(self.turns) <= 1:
            self.flow.resume_reading()
