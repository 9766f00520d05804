"""Middleware around all routes but the data plane: keys, origins, errors and the accounts.

Knows nothing of what the routes answer.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from starlette.requests import ClientDisconnect
from starlette.responses import Response

from service import errors
from service.errors import InternalError, MethodNotAllowedError, ServiceError
from service.gate.access import Access, access_to
from service.gate.accounting import UNMATCHED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from service.http.edge import Edge

PREFLIGHT, WANTED = b"access-control-request-method", b"access-control-request-headers"

log = logging.getLogger("logitserve.http")


class Asked:
    """A request that the app answers, as it is accounted for."""

    rows = None

    def __init__(self, scope: Scope, edge: Edge) -> None:
        self.method: str = scope["method"]
        self.headers: Mapping[bytes, bytes] = dict(scope["headers"])
        self.request_id = edge.accounting.request_id(self.headers)
        self.started = time.monotonic()
        self.template = UNMATCHED


class Gatekeeper:
    """Lets ASGI requests in, or not, and sees their answers out."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on when its key opens the path; whatever is raised becomes its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        edge: Edge = scope["state"]["edge"]
        asked = Asked(scope, edge)
        if asked.method == "HEAD":
            scope = {**scope, "method": "GET"}  # uvicorn, which has the other scope, sends no body
        status = 0

        async def observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                added = [(b"date", edge.sweep.date), (b"x-request-id", asked.request_id.encode())]
                own = edge.cors.headers(asked.headers.get(b"origin"))
                message["headers"] = [*message["headers"], *added, *own]
            await send(message)

        code = None
        try:
            await self._run(edge, asked, scope, receive, observed, lambda: status != 0)
        except ClientDisconnect:  # before its body was whole: nobody waits for an answer
            edge.accounting.cancelled()
            return
        except ServiceError as error:
            code = error.code
            answer = Response(
                errors.body(error, asked.request_id), error.status, errors.headers(error), "application/json"
            )
            await answer(scope, receive, observed)
        # A method that the route does not take is not counted by its name: the client chose it.
        if status != MethodNotAllowedError.status and "route" in scope:
            route: Any = scope["route"]
            asked.template = route.path
        edge.accounting.answered(asked, status, code)

    async def _run(
        self, edge: Edge, asked: Asked, scope: Scope, receive: Receive, send: Send, begun: Callable[[], bool]
    ) -> None:
        """Pass the request on; a bug is logged, and is told the client unless its answer has `begun`."""
        try:
            await self._pass_on(edge, asked, scope, receive, send)
        except (ServiceError, ClientDisconnect):
            raise
        except Exception:
            log.exception("a bug", extra={"request_id": asked.request_id})
            if begun():
                raise
            raise InternalError("the service failed on this request") from None

    async def _pass_on(self, edge: Edge, asked: Asked, scope: Scope, receive: Receive, send: Send) -> None:
        origin = asked.headers.get(b"origin")
        if asked.method == "OPTIONS" and edge.cors.used and PREFLIGHT in asked.headers:
            found = edge.cors.preflight(origin, asked.headers.get(WANTED, b""))
            await Response(status_code=204, headers=found)(scope, receive, send)
            return
        access = access_to(scope["path"])
        edge.keys.check(access, asked.headers)
        if access is Access.ADMIN:
            edge.cors.check_change(origin, asked.headers.get(b"host", b""))
        await self._app(scope, receive, send)
