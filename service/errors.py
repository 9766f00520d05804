"""Every way in which the service says no: one class each, one body for all. Knows nothing of sockets."""

import json
from typing import Any

MAX_DETAILS = 5
"""Problems named in one answer; the rest is counted."""
MAX_BODY_BYTES = 1023
"""The body of an error stays under 1 KB, whatever was sent: details that do not fit are left out."""
MAX_TEXT = 80
"""Characters of a name that the client sent, escaped, when an error repeats it."""


class StartError(Exception):
    """The service cannot start or go on; the message is one line."""


class ServiceError(Exception):
    """A request that is refused or failed: `status` and `code` as in the interface, the text for people."""

    status = 500
    code = "internal"
    retry_after_s: int | None = None
    close = False
    """Whether the connection ends with the answer, because what follows on it cannot be trusted."""

    def __init__(
        self, message: str, details: list[dict[str, Any]] | None = None, problems: int | None = None
    ) -> None:
        """`problems` is how many there are in all, when not all of them stand in `details`."""
        super().__init__(message)
        self.details = details or []
        self.problems = len(self.details) if problems is None else problems


class MalformedError(ServiceError):
    status, code = 400, "malformed"


class UnauthorizedError(ServiceError):
    status, code = 401, "unauthorized"


class ForbiddenError(ServiceError):
    status, code = 403, "forbidden"


class NotFoundError(ServiceError):
    status, code = 404, "not_found"


class NoSuchPathError(NotFoundError):
    def __init__(self) -> None:
        super().__init__("no such path")


class NoSuchModelError(NotFoundError):
    def __init__(self) -> None:
        super().__init__("no such model or version")


class MethodNotAllowedError(ServiceError):
    status, code = 405, "method_not_allowed"

    def __init__(self, allow: str) -> None:
        """`allow` lists the methods that the path takes."""
        super().__init__("this path does not take this method")
        self.allow = allow.replace("GET", "GET, HEAD") if "HEAD" not in allow else allow


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


class HttpVersionError(ServiceError):
    status, code, close = 505, "unsupported", True

    def __init__(self) -> None:
        super().__init__("this is not HTTP of version 1.1 or 1.0")


class OverloadedError(ServiceError):
    status, code, retry_after_s = 503, "overloaded", 1


class NotReadyError(ServiceError):
    status, code, retry_after_s = 503, "not_ready", 1


class DeadlineError(ServiceError):
    status, code = 504, "deadline"


def body(error: ServiceError, request_id: str) -> bytes:
    """Return the JSON body of `error`: sentence, code, request id, and at most five details."""
    message = str(error)
    if error.problems > MAX_DETAILS:
        message += f" ({error.problems} problems, the first are named)"
    document: dict[str, Any] = {"error": message, "code": error.code, "request_id": request_id}
    details = error.details[:MAX_DETAILS]
    if len(json.dumps(document).encode()) > MAX_BODY_BYTES:  # a client's name may be in it
        document["error"] = message[:MAX_TEXT] + "…"
    while details:
        encoded = json.dumps(document | {"details": details}).encode()
        if len(encoded) <= MAX_BODY_BYTES:
            return encoded
        details.pop()
    return json.dumps(document).encode()


def headers(error: ServiceError) -> dict[str, str]:
    """Return the headers that the answer to `error` has beside those of every answer."""
    found = {}
    if error.retry_after_s is not None:
        found["retry-after"] = str(error.retry_after_s)
    if isinstance(error, UnauthorizedError):
        found["www-authenticate"] = "Bearer"
    if isinstance(error, MethodNotAllowedError):
        found["allow"] = error.allow
    return found


def quote(text: str) -> str:
    """Return what a client sent, escaped and cut, fit to stand in a message."""
    escaped = json.dumps(text)
    return escaped if len(escaped) <= MAX_TEXT else escaped[:MAX_TEXT] + "…"
