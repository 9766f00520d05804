"""Every way in which the service says no: one class each, one body for all. Knows nothing of sockets."""

import json
from typing import Any

MAX_DETAILS = 5
"""Wrong rows named in one answer; the rest is counted, so that the body stays under 1 KB."""
MAX_TEXT = 120
"""Characters of a name that the client sent, when an error repeats it."""


class StartError(Exception):
    """The service cannot start or go on; the message is one line."""


class ServiceError(Exception):
    """A request that is refused or failed: `status` and `code` as in the interface, the text for people."""

    status = 500
    code = "internal"
    retry_after_s: int | None = None
    close = False
    """Whether the connection ends with the answer, because what follows on it cannot be trusted."""

    def __init__(self, message: str, details: list[dict[str, Any]] | None = None) -> None:
        super().__init__(message)
        self.details = details or []


class MalformedError(ServiceError):
    status, code = 400, "malformed"


class NotFoundError(ServiceError):
    status, code = 404, "not_found"


class MethodNotAllowedError(ServiceError):
    status, code = 405, "method_not_allowed"


class RequestTimeoutError(ServiceError):
    status, code, close = 408, "request_timeout", True


class TooLargeError(ServiceError):
    status, code = 413, "too_large"


class UriTooLongError(ServiceError):
    status, code, close = 414, "too_large", True


class UnsupportedError(ServiceError):
    status, code = 415, "unsupported"


class InvalidError(ServiceError):
    status, code = 422, "invalid"


class HeadersTooLargeError(ServiceError):
    status, code, close = 431, "too_large", True


class InternalError(ServiceError):
    status, code = 500, "internal"


class OverloadedError(ServiceError):
    status, code, retry_after_s = 503, "overloaded", 1


class NotReadyError(ServiceError):
    status, code, retry_after_s = 503, "not_ready", 1


class DeadlineError(ServiceError):
    status, code = 504, "deadline"


def body(error: ServiceError, request_id: str) -> bytes:
    """Return the JSON body of `error`: sentence, code, request id, and at most five details."""
    message = str(error)
    if len(error.details) > MAX_DETAILS:
        message += f" ({len(error.details)} problems, the first {MAX_DETAILS} are named)"
    document: dict[str, Any] = {"error": message, "code": error.code, "request_id": request_id}
    if error.details:
        document["details"] = error.details[:MAX_DETAILS]
    return json.dumps(document).encode()


def quote(text: str) -> str:
    """Return what a client sent, escaped and cut, fit to stand in a message."""
    return json.dumps(text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + "…")
