"""Who asked, and what is written down of it: a request's id, its count, its log line. One for every door."""

from __future__ import annotations

import logging
import os
import re
import time
from typing import TYPE_CHECKING, Protocol

from service import logs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.metrics.declared import Metrics
    from service.settings import Settings

UNMATCHED = "unmatched"
"""The template of what no route takes."""
SANE_ID = re.compile(rb"[A-Za-z0-9._:/+=@-]{1,128}")


class Asked(Protocol):
    """What is written down of a request; `template` is of its path, `started` on the monotonic clock."""

    @property
    def method(self) -> str: ...
    @property
    def template(self) -> str: ...
    @property
    def request_id(self) -> str: ...
    @property
    def started(self) -> float: ...
    @property
    def headers(self) -> Mapping[bytes, bytes]: ...
    @property
    def rows(self) -> int | None: ...


class Accounting:
    """The accounts of one HTTP process."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._metrics = metrics
        self._slow_s = settings.slow_request_s
        self._logs_all = logs.access.isEnabledFor(logging.DEBUG)
        self._prefix = os.urandom(6).hex()
        self._count = 0

    def request_id(self, headers: Mapping[bytes, bytes]) -> str:
        """Return the id that a request brought, if it is one, or one that no other request has."""
        given = headers.get(b"x-request-id")
        if given and SANE_ID.fullmatch(given):
            return given.decode()
        self._count += 1
        return f"{self._prefix}-{self._count:x}"

    def answered(self, asked: Asked, status: int, code: str | None) -> None:
        """Count an answer, and write the log line of one that failed, with its `code`, or was slow."""
        seconds = time.monotonic() - asked.started
        route = asked.template
        # Of what no route takes the method is not counted by its name: the client chose it.
        self._metrics.answered(route, asked.method if route != UNMATCHED else "other", status, seconds)
        if code is not None or self._logs_all or seconds > self._slow_s:
            logs.log_request(
                status,
                seconds,
                self._slow_s,
                request_id=asked.request_id,
                method=asked.method,
                route=route,
                rows=asked.rows,
                code=code,
                traceparent=logs.traceparent(asked.headers),
            )

    def rejected(self, reason: str) -> None:
        """Count a refusal, whose answer is counted too: `overloaded` or `connections`."""
        self._metrics.rejected(reason)

    def cancelled(self) -> None:
        """Count a client that left before its answer."""
        self._metrics.cancelled()
