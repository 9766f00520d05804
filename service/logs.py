"""Log lines: text for people on a terminal, one JSON object a line elsewhere. Never an input value."""

import json
import logging
import re
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from service.dropping import DroppingHandler
from service.errors import NotReadyError, OverloadedError
from service.settings import Settings

STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message", "taskName"}
UNTOLD = (OverloadedError.code, NotReadyError.code)
"""A refusal is counted: a line of each would cost more than it does, when there is least to spend. And what
makes a service not ready has had its own line; each probe that hears of it need not have one."""
TRACEPARENT = re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")

access = logging.getLogger("logitserve.access")


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, pid, message, and what `extra` adds."""

    def __init__(self, *, severity: bool = False) -> None:
        """`severity` is whether the level is named so, in capitals."""
        super().__init__()
        self._severity = severity

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            **({"severity": record.levelname} if self._severity else {"level": record.levelname.lower()}),
            "logger": record.name,
            "pid": record.process,
            "message": record.getMessage(),
        }
        line |= _added(record)
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class TextFormatter(logging.Formatter):
    """Time, level, message, and what `extra` adds as key=value: one line, whatever a client sent."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Return the line without a traceback, which follows on lines of its own."""
        record.message = _plain(record.message)
        fields = [f"{key}={_plain(value)}" for key, value in _added(record).items()]
        return " ".join([super().formatMessage(record), *fields])


def _added(record: logging.LogRecord) -> dict[str, Any]:
    return {key: value for key, value in vars(record).items() if key not in STANDARD}


def _plain(value: object) -> str:
    """Return what may stand in a line: control characters and what could be read as one are escaped."""
    text = str(value)
    return text if text.isprintable() else json.dumps(text)


def configure(settings: Settings, dropped: Callable[[int], None] = lambda _: None) -> None:
    """Send this process's log where and in the form that the settings say, from their level on.

    `dropped` is told how many lines were dropped, each time that some are.
    """
    stream = sys.stdout if settings.log_stream == "stdout" else sys.stderr
    try:
        descriptor = stream.fileno()
        text = settings.log_format == "text" or (settings.log_format is None and stream.isatty())
    except (AttributeError, OSError, ValueError):  # closed before we started
        descriptor, text = -1, settings.log_format == "text"
    handler = DroppingHandler(descriptor, dropped)
    handler.setFormatter(TextFormatter() if text else JsonFormatter(severity=settings.log_severity))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("logitserve").setLevel(settings.log_level.upper())


def traceparent(headers: Mapping[bytes, bytes]) -> str | None:
    """Return the W3C trace context that a request came with, if it is one."""
    given = headers.get(b"traceparent", b"")
    return given.decode() if TRACEPARENT.fullmatch(given) else None


def log_request(status: int, seconds: float, slow_s: float, **fields: Any) -> None:
    """Write the one line of a request that failed or took longer than `slow_s`; at debug of every one.

    `fields` are what an operator greps for, None for what there is not; no input value may be among them.
    """
    level = logging.DEBUG
    if fields.get("code") in UNTOLD:
        pass
    elif status >= 500:  # noqa: PLR2004 - the server's own failures
        level = logging.WARNING
    elif status >= 400 or seconds > slow_s:  # noqa: PLR2004 - the client's
        level = logging.INFO
    if access.isEnabledFor(level):
        extra = {"status": status, "duration_ms": round(seconds * 1000, 3), **fields}
        access.log(level, "request", extra={key: value for key, value in extra.items() if value is not None})
