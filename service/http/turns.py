"""The two kinds of turn that a request takes on its connection: straight to the model, or through the app.

A turn receives its body, is finished with it, starts when the answers before it are out, or is cancelled.
"""

from __future__ import annotations

import logging
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol

from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT

from service import errors
from service.errors import InternalError, InvalidError, ServiceError
from service.gate.accounting import UNMATCHED
from service.plane.call import JSON, Call, Content

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping

    from uvicorn.protocols.http.flow_control import FlowControl
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

    from service.http.direct import Route
    from service.http.edge import Edge

MILLISECONDS = re.compile(rb"[1-9][0-9]{0,8}")
STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}

log = logging.getLogger("logitserve.http")


class Line(Protocol):
    """A connection, as its turns see it."""

    edge: Edge
    transport: asyncio.Transport
    flow: FlowControl
    started: float

    def ends(self) -> bool: ...
    def answered(self, *, keep_alive: bool) -> None: ...
    def run_app(self, cycle: RequestResponseCycle) -> None: ...


class DirectTurn(Call):
    """A call that came by HTTP; or, without a route, what is said of a request that cannot be read."""

    __slots__ = ("_connection", "_refusal", "_route", "complete", "keep_alive", "method", "template")

    def __init__(
        self,
        connection: Line,
        route: Route | None,
        headers: Mapping[bytes, bytes],
        method: str = "POST",
    ) -> None:
        # Not by super(), which takes as long as the call itself.
        Call.__init__(self, headers, connection.edge.accounting.request_id(headers), connection.started)
        self._connection = connection
        self._route = route
        self.template = UNMATCHED if route is None else route.template
        self._refusal: ServiceError | None = None
        self.method = method
        self.complete = False
        """Whether it may start when its turn comes: its body is whole, or will not be read.

        Of a request that is alone nobody asks: it starts with the end of its body, and this stays False.
        """
        self.keep_alive = True

    def receive(self, body: bytes) -> None:
        """Take a piece of the body."""
        self.body.append(body)

    def finish(self) -> None:
        """The body is whole."""
        self.complete = True

    def refuse(self, error: ServiceError) -> None:
        """Have its answer be `error`, and the connection end with it."""
        self._refusal = error
        self.complete, self.keep_alive = True, False

    def start(self) -> None:
        """Hand the request to its route; whatever is wrong with it becomes its answer."""
        edge, route = self._connection.edge, self._route
        if self._refusal is not None or route is None:
            self.fail(self._refusal or InternalError("a request without a route"))
            return
        try:
            wanted = self.headers.get(b"x-request-timeout-ms")
            timeout_s = edge.timeout_s if wanted is None else min(edge.timeout_s, _seconds(wanted))
            self.deadline = self.started + timeout_s
            if edge.keys.used:
                edge.keys.check(route.access, self.headers)
            self.queue, decode = route.find()
            edge.admission.check(self.deadline, self.queue)
            decode(self)
            edge.batcher.submit(self)
        except ServiceError as error:
            self.fail(error)
        except Exception:
            log.exception("a bug", extra={"request_id": self.request_id, "route": self.template})
            self.fail(InternalError("the service failed on this request"))

    def cancel(self) -> None:
        """Forget the request, because its client went away."""
        if self.live:
            self.live = False
            edge = self._connection.edge
            edge.accounting.cancelled()
            edge.batcher.forget(self)

    def end_after(self) -> None:
        """Nothing to do: the connection, which is told too, ends with the answer."""

    def answer(self, status: int, content: Content, body: bytes, error: ServiceError | None) -> None:
        """Write the answer, count it, and let the next turn begin."""
        edge = self._connection.edge
        extra = b""
        if error is not None:
            self.keep_alive = self.keep_alive and not error.close
            extra = "".join(
                [f"{name}: {value}\r\n" for name, value in errors.headers(error).items()]
            ).encode()
        if not self.keep_alive or self._connection.ends():
            self.keep_alive = False
            extra += b"connection: close\r\n"
        if edge.cors.used:
            extra += edge.cors.lines(self.headers.get(b"origin"))
        self._connection.transport.write(
            b"%bdate: %b\r\n%bcontent-length: %d\r\nx-request-id: %b\r\n%b\r\n%b"
            % (
                STATUS_LINES[status],
                edge.sweep.date,
                JSON_LINE if content is JSON else _lines(content),
                len(body),
                self.request_id.encode(),
                extra,
                b"" if self.method == "HEAD" else body,
            )
        )
        edge.accounting.answered(self, status, None if error is None else error.code)
        self._connection.answered(keep_alive=self.keep_alive)


class AppTurn:
    """A request that uvicorn makes an ASGI call of."""

    complete = True
    """It may start before its body is whole."""

    def __init__(self, connection: Line, cycle: RequestResponseCycle) -> None:
        self._connection = connection
        self._cycle = cycle

    def receive(self, body: bytes) -> None:
        """Take a piece of the body, and no more for now when the app is slow to read it."""
        cycle = self._cycle
        if not cycle.response_complete:
            cycle.body += body
            if len(cycle.body) > HIGH_WATER_LIMIT:
                self._connection.flow.pause_reading()
            cycle.message_event.set()

    def finish(self) -> None:
        """The body is whole."""
        self._cycle.more_body = False
        self._cycle.message_event.set()

    def abandon(self) -> bool:
        """Tell the app that its client is gone; return whether a part of the answer is out."""
        self.cancel()
        return self._cycle.response_started

    def start(self) -> None:
        """Have the app answer."""
        connection = self._connection
        self._cycle.keep_alive = self._cycle.keep_alive and not connection.edge.draining()
        connection.run_app(self._cycle)

    def cancel(self) -> None:
        """Tell the app that its client went away."""
        self._cycle.disconnected = True
        self._cycle.message_event.set()

    def end_after(self) -> None:
        """Say in the answer that the connection ends with it."""
        self._cycle.keep_alive = False


def _seconds(wanted: bytes) -> float:
    if not MILLISECONDS.fullmatch(wanted):
        raise InvalidError("X-Request-Timeout-Ms: wanted a whole number of milliseconds from 1")
    return int(wanted) / 1000


def _lines(content: Content) -> bytes:
    """Return the header lines that say what a body is."""
    lines = b"content-type: %b\r\n" % content.type
    if content.json_bytes is not None:
        lines += b"inference-header-content-length: %d\r\n" % content.json_bytes
    if content.encoding is not None:
        lines += b"content-encoding: %b\r\nvary: accept-encoding\r\n" % content.encoding
    return lines


JSON_LINE = _lines(JSON)
