"""One request of the data plane, from its headers to its answer. Knows nothing of models or workers."""

from __future__ import annotations

import logging
import re
import time
from http import HTTPStatus
from typing import TYPE_CHECKING

from service import errors
from service.errors import InternalError, InvalidError, ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.edge import Route
    from service.protocol import Protocol
    from service.results import Results

MILLISECONDS = re.compile(rb"[1-9][0-9]{0,8}")
SANE_ID = re.compile(rb"[A-Za-z0-9._:/+=@-]{1,128}")
STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}

JSON = b"content-type: application/json\r\n"

log = logging.getLogger("logitserve.access")


class Call:
    """A request whose rows go to the model, and the means to answer it exactly once.

    The codec sets `payload` (float32 [rows, inputs], raw), `rows`, `explain`, `id` and `encode`; an answer
    that is not plain JSON also sets `content`, the header lines that say what it is.
    """

    __slots__ = (
        "_protocol",
        "_route",
        "body",
        "complete",
        "content",
        "deadline",
        "edge",
        "encode",
        "explain",
        "headers",
        "id",
        "keep_alive",
        "live",
        "omits_body",
        "payload",
        "queued",
        "refusal",
        "request_id",
        "rows",
        "started",
    )

    payload: bytes
    deadline: float
    queued: float
    encode: Callable[[Call, Results, int], bytes]

    def __init__(self, protocol: Protocol, route: Route | None, headers: dict[bytes, bytes]) -> None:
        self._protocol = protocol
        self._route = route
        self.edge = edge = protocol.edge
        self.started = protocol.started
        self.headers = headers
        self.body: list[bytes] = []
        self.refusal: ServiceError | None = None
        self.complete = False
        self.live = True
        self.keep_alive = True
        self.omits_body = False
        self.content = JSON
        self.rows = 0
        self.id: str | int | None = None
        self.explain = False
        given = self.headers.get(b"x-request-id")
        self.request_id = given.decode() if given and SANE_ID.fullmatch(given) else edge.new_id()

    @property
    def route(self) -> str:
        """The path's template, as metrics and logs name it."""
        return self._route.template if self._route else "unmatched"

    def run(self) -> None:
        """Hand the complete request to its route; whatever is wrong with it becomes its answer."""
        if self._route is None or self.refusal is not None:
            self.fail(self.refusal or InternalError("a request without a route"))
            return
        try:
            wanted = self.headers.get(b"x-request-timeout-ms")
            self.deadline = self.started + (
                self.edge.settings.timeout_s if wanted is None else self._timeout_s(wanted)
            )
            self.edge.handle(self, self._route)
        except ServiceError as error:
            self.fail(error)
        except Exception:
            log.exception("a bug", extra={"request_id": self.request_id, "route": self.route})
            self.fail(InternalError("the service failed on this request"))

    def _timeout_s(self, wanted: bytes) -> float:
        if not MILLISECONDS.fullmatch(wanted):
            raise InvalidError("X-Request-Timeout-Ms: wanted a whole number of milliseconds from 1")
        return min(self.edge.settings.timeout_s, int(wanted) / 1000)

    def succeed(self, results: Results, row: int) -> None:
        """Answer 200 with the results of this request's rows, the first of which is `row`."""
        try:
            body = self.encode(self, results, row)
        except ServiceError as error:
            self.fail(error)
            return
        except Exception:  # the last line of defence: a bug in encoding must not lose the batch's others
            log.exception("cannot encode an answer", extra={"request_id": self.request_id})
            self.fail(InternalError("the answer could not be encoded"))
            return
        self._answer(200, body)

    def fail(self, error: ServiceError) -> None:
        """Answer with `error`."""
        self.content = JSON
        self.keep_alive = self.keep_alive and not error.close
        extra = "".join([f"{name}: {value}\r\n" for name, value in errors.headers(error).items()])
        self._answer(error.status, errors.body(error, self.request_id), extra.encode(), error)

    def cancel(self) -> None:
        """Forget the request, because its client went away."""
        if self.live:
            self.live = False
            self.edge.metrics.cancelled()
            self.edge.batcher.forget(self)

    def _answer(
        self, status: int, body: bytes, extra: bytes = b"", error: ServiceError | None = None
    ) -> None:
        if not self.live:
            return
        self.live = False
        edge = self.edge
        if not self.keep_alive or edge.draining():
            self.keep_alive = False
            extra += b"connection: close\r\n"
        if edge.cors.used:
            extra += edge.cors.lines(self.headers.get(b"origin"))
        self._protocol.transport.write(
            b"%bdate: %b\r\n%bcontent-length: %d\r\nx-request-id: %b\r\n%b\r\n%b"
            % (
                STATUS_LINES[status],
                edge.date,
                self.content,
                len(body),
                self.request_id.encode(),
                extra,
                b"" if self.omits_body else body,
            )
        )
        seconds = time.monotonic() - self.started
        edge.metrics.answered(self.route, "POST", status, seconds)
        if error is not None or edge.logs_all or seconds > edge.settings.slow_request_s:
            edge.log_call(self, status, seconds, error)
        self._protocol.answered(keep_alive=self.keep_alive)
