"""What all connections of one HTTP process share: routes, ids, limits, and the sweep over them."""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import time
from email.utils import formatdate
from typing import TYPE_CHECKING, Any, NamedTuple

from service import logs
from service.keys import POLICY, Access, Keys
from service.origins import Cors
from service.results import Results

if TYPE_CHECKING:
    import re
    from collections.abc import Callable

    from service.batcher import Batcher
    from service.call import Call
    from service.errors import ServiceError
    from service.metrics import Metrics
    from service.origins import Hosts
    from service.protocol import Protocol
    from service.settings import Settings

SWEEP_S = 1.0
"""How often connections are looked at for a passed time limit: coarse, so that no request pays a timer."""
RESERVED_DESCRIPTORS = 64
"""What a process needs besides its clients: listeners, links, metric files, log."""
PROBE_S = 1.0
"""How long readiness waits for a worker's sign of life."""
NO_RESULTS = Results(b"", 0, 2, 0)
"""What a request without one good row is answered from."""


class Route(NamedTuple):
    """One path of the data plane: its template, and what turns a complete request into rows."""

    template: str
    decode: Callable[[Call], None]

    @property
    def access(self) -> Access:
        """What the route asks for."""
        return POLICY[self.template]


class Edge:
    """The HTTP process as its connections see it."""

    def __init__(
        self,
        settings: Settings,
        keys: Keys,
        hosts: Hosts,
        batcher: Batcher,
        metrics: Metrics,
        draining: Callable[[], bool],
    ) -> None:
        self.settings = settings
        self.keys = keys
        self.batcher = batcher
        self.metrics = metrics
        self.draining = draining
        self.hosts = hosts
        self.cors = Cors(settings)
        self.date = b""
        """The Date of every answer (RFC 9110 6.6.1), made anew each second while anyone is connected."""
        self.greeting: dict[str, Any] = {}
        self.logs_all = logs.access.isEnabledFor(logging.DEBUG)
        self.connections: set[Protocol] = set()
        descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.max_connections = min(settings.max_connections, max(1, descriptors - RESERVED_DESCRIPTORS))
        self.routes: dict[bytes, Route] = {}
        """Where POST requests take the data plane's way, by path."""
        self._families: list[tuple[re.Pattern[bytes], Route]] = []
        self._prefix = os.urandom(6).hex()
        self._count = 0
        self._sweeping = False

    def add_route(self, path: bytes, route: Route) -> None:
        """Have POST requests for `path` take the data plane's way."""
        self.routes[path] = route

    def add_family(self, paths: re.Pattern[bytes], route: Route) -> None:
        """Have POST requests for all `paths` that are not added one by one take the data plane's way."""
        self._families.append((paths, route))

    def route(self, path: bytes) -> Route | None:
        """Return the data plane's route for `path`, if it is one."""
        route = self.routes.get(path)
        if route is None:
            route = next((route for paths, route in self._families if paths.fullmatch(path)), None)
        return route

    def handle(self, call: Call, route: Route) -> None:
        """Admit, decode and queue a complete request; raises the ServiceError that refuses it."""
        if self.keys.used:
            self.keys.check(route.access, call.headers)
        self.batcher.check_admission(call.deadline)
        route.decode(call)
        if call.rows:
            self.batcher.submit(call)
        else:
            call.succeed(NO_RESULTS, 0)

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
            self._tell_time()
            asyncio.get_running_loop().call_later(SWEEP_S, self._sweep)

    def _tell_time(self) -> None:
        self.date = formatdate(usegmt=True).encode()

    def _sweep(self) -> None:
        self._tell_time()
        now = time.monotonic()
        for connection in list(self.connections):
            connection.check_time(now)
        self._sweeping = bool(self.connections)
        if self._sweeping:
            asyncio.get_running_loop().call_later(SWEEP_S, self._sweep)

    def log_call(self, call: Call, status: int, seconds: float, error: ServiceError | None) -> None:
        """Write the request's one log line."""
        logs.log_request(
            status,
            seconds,
            self.settings.slow_request_s,
            request_id=call.request_id,
            method="POST",
            route=call.route,
            rows=call.rows,
            code=None if error is None else error.code,
            traceparent=logs.traceparent(call.headers),
        )
