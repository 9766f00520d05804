"""What all connections of one HTTP process share: routes, ids, limits, and the sweep over them."""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import time
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.batcher import Batcher
    from service.call import Call
    from service.errors import ServiceError
    from service.metrics import Metrics
    from service.protocol import Protocol
    from service.settings import Settings

SWEEP_S = 1.0
"""How often connections are looked at for a passed time limit: coarse, so that no request pays a timer."""
RESERVED_DESCRIPTORS = 64
"""What a process needs besides its clients: listeners, links, metric files, log."""
PROBE_S = 1.0
"""How long readiness waits for a worker's sign of life."""

log = logging.getLogger("logitserve.access")


class Route(NamedTuple):
    """One path of the data plane: its template, and what turns a complete request into rows."""

    template: str
    decode: Callable[[Call], None]


class Edge:
    """The HTTP process as its connections see it."""

    def __init__(
        self, settings: Settings, batcher: Batcher, metrics: Metrics, draining: Callable[[], bool]
    ) -> None:
        self.settings = settings
        self.batcher = batcher
        self.metrics = metrics
        self.draining = draining
        self.greeting: dict[str, Any] = {}
        self.logs_all = log.isEnabledFor(logging.DEBUG)
        self.connections: set[Protocol] = set()
        descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.max_connections = min(settings.max_connections, max(1, descriptors - RESERVED_DESCRIPTORS))
        self._routes: dict[bytes, Route] = {}
        self._prefix = os.urandom(6).hex()
        self._count = 0
        self._sweeping = False

    def add_route(self, path: bytes, route: Route) -> None:
        """Have POST requests for `path` take the data plane's way."""
        self._routes[path] = route

    def route(self, path: bytes) -> Route | None:
        """Return the data plane's route for `path`, if it is one."""
        return self._routes.get(path)

    def handle(self, call: Call, route: Route) -> None:
        """Admit, decode and queue a complete request; raises the ServiceError that refuses it."""
        self.batcher.check_admission(call.deadline)
        route.decode(call)
        self.batcher.submit(call)

    async def unready(self) -> str | None:
        """Return why this process should get no new requests, or None when it should."""
        if self.draining():
            return "draining"
        probes = [link.answers(PROBE_S) for link in self.batcher.links]
        if not any(await asyncio.gather(*probes)):
            return "no worker answers"
        return None

    def new_id(self) -> str:
        """Return a request id of this process that no other request has."""
        self._count += 1
        return f"{self._prefix}-{self._count:x}"

    def opened(self, connection: Protocol) -> None:
        """Watch `connection`."""
        self.connections.add(connection)
        if not self._sweeping:
            self._sweeping = True
            asyncio.get_running_loop().call_later(SWEEP_S, self._sweep)

    def _sweep(self) -> None:
        now = time.monotonic()
        for connection in list(self.connections):
            connection.check_time(now)
        self._sweeping = bool(self.connections)
        if self._sweeping:
            asyncio.get_running_loop().call_later(SWEEP_S, self._sweep)

    def log_call(self, call: Call, status: int, seconds: float, error: ServiceError | None) -> None:
        """Write the request's one log line: never an input value."""
        level = logging.DEBUG
        if status >= 500:  # noqa: PLR2004 - the server's own failures
            level = logging.WARNING
        elif error is not None or seconds > self.settings.slow_request_s:
            level = logging.INFO
        fields = {
            "request_id": call.request_id,
            "route": call.route,
            "status": status,
            "duration_ms": round(seconds * 1000, 3),
            "rows": call.rows,
        }
        if error is not None:
            fields["code"] = error.code
        if trace := call.headers.get(b"traceparent"):
            fields["traceparent"] = trace.decode("latin-1")
        log.log(level, "request", extra=fields)
