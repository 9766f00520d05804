"""Middleware around all routes but the data plane: request ids, keys, errors, counts and log lines.

Knows nothing of what the routes answer.
"""

import logging
import time
from collections.abc import Mapping

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service import errors, logs
from service.call import SANE_ID
from service.edge import Edge
from service.errors import InternalError, MethodNotAllowedError, ServiceError
from service.keys import Access, access_to

PREFLIGHT, WANTED = b"access-control-request-method", b"access-control-request-headers"

log = logging.getLogger("logitserve.http")


class Observer:
    """Sees every ASGI request come and go."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on when its key opens the path; whatever is raised becomes its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        edge: Edge = scope["state"]["edge"]
        headers = dict(scope["headers"])
        given = headers.get(b"x-request-id", b"")
        request_id = given.decode() if SANE_ID.fullmatch(given) else edge.new_id()
        started = time.monotonic()
        status = 0

        method, origin = scope["method"], headers.get(b"origin")
        if method == "HEAD":
            scope = {**scope, "method": "GET"}  # uvicorn, which has the other scope, sends no body

        async def observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                added = [(b"date", edge.date), (b"x-request-id", request_id.encode())]
                message["headers"] = [*message["headers"], *added, *edge.cors.headers(origin)]
            await send(message)

        code = None
        try:
            try:
                await self._pass_on(edge, method, headers, scope, receive, observed)
            except ServiceError:
                raise
            except Exception:
                log.exception("a bug", extra={"request_id": request_id})
                if status:
                    raise
                raise InternalError("the service failed on this request") from None
        except ServiceError as error:
            code = error.code
            answer = Response(
                errors.body(error, request_id), error.status, errors.headers(error), "application/json"
            )
            await answer(scope, receive, observed)
        self._count(edge, scope, method, headers, request_id, status, code, time.monotonic() - started)

    async def _pass_on(
        self,
        edge: Edge,
        method: str,
        headers: Mapping[bytes, bytes],
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        origin = headers.get(b"origin")
        if method == "OPTIONS" and edge.cors.used and PREFLIGHT in headers:
            found = edge.cors.preflight(origin, headers.get(WANTED, b""))
            await Response(status_code=204, headers=found)(scope, receive, send)
            return
        access = access_to(scope["path"])
        edge.keys.check(access, headers)
        if access is Access.ADMIN:
            edge.cors.check_change(origin, headers.get(b"host", b""))
        await self._app(scope, receive, send)

    @staticmethod
    def _count(
        edge: Edge,
        scope: Scope,
        method: str,
        headers: Mapping[bytes, bytes],
        request_id: str,
        status: int,
        code: str | None,
        seconds: float,
    ) -> None:
        # A method that the route does not take is not counted by its name: the client chose it.
        matched = status != MethodNotAllowedError.status and "route" in scope
        template = scope["route"].path if matched else "unmatched"
        edge.metrics.answered(template, method if matched else "other", status, seconds)
        logs.log_request(
            status,
            seconds,
            edge.settings.slow_request_s,
            request_id=request_id,
            method=method,
            route=template,
            code=code,
            traceparent=logs.traceparent(headers),
        )
