"""A request's rows on their way to the model, and the one answer. Knows nothing of connections or workers."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, NamedTuple

from service import errors
from service.errors import InternalError, ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from service.plane.queue import Queue
    from service.wire.results import Results

log = logging.getLogger("logitserve.call")


class Content(NamedTuple):
    """What a body is: its media type, its coding, and how many bytes of JSON come before tensors."""

    type: bytes
    encoding: bytes | None = None
    json_bytes: int | None = None


class Way(NamedTuple):
    """How a request becomes rows, and what these wait in: one of the two directions of a version."""

    queue: Queue
    decode: Callable[[Call], None]


JSON = Content(b"application/json")


class Call(ABC):
    """A request that is answered exactly once, by whoever took it.

    Who finds its way sets `queue`, which is of the version that answers. A codec sets `cells`, which
    returns the rows by input's name as they were sent, where rows are kept, and `payload` (float32
    [rows, inputs], raw), `rows`, `explain`, `id` and `encode`, and `content` where an answer is not plain
    JSON; it may shorten `deadline`, which is on the monotonic clock like `started`. `headers` and `body`, in
    pieces, are what it reads.
    """

    __slots__ = (
        "body",
        "cells",
        "content",
        "deadline",
        "encode",
        "explain",
        "headers",
        "id",
        "live",
        "payload",
        "queue",
        "queued",
        "request_id",
        "rows",
        "started",
    )

    queue: Queue
    cells: Callable[[], Sequence[Mapping[str, Any]]]
    payload: bytes
    deadline: float
    queued: float
    encode: Callable[[Call, Results, int], bytes]

    def __init__(self, headers: Mapping[bytes, bytes], request_id: str, started: float) -> None:
        self.headers = headers
        self.request_id = request_id
        self.started = started
        self.body: list[bytes] = []
        self.live = True
        """Whether it still waits for its answer."""
        self.content = JSON
        self.rows = 0
        self.id: str | int | None = None
        self.explain = False

    def succeed(self, results: Results, row: int) -> None:
        """Answer with the results of this request's rows, the first of which is `row`."""
        try:
            body = self.encode(self, results, row)
        except ServiceError as error:
            self.fail(error)
            return
        except Exception:  # the last line of defence: a bug in encoding must not lose the batch's others
            log.exception("cannot encode an answer", extra={"request_id": self.request_id})
            self.fail(InternalError("the answer could not be encoded"))
            return
        if self.live:
            self.live = False
            self.answer(200, self.content, body, None)

    def fail(self, error: ServiceError) -> None:
        """Answer with `error`."""
        if self.live:
            self.live = False
            self.answer(error.status, JSON, errors.body(error, self.request_id), error)

    @abstractmethod
    def answer(self, status: int, content: Content, body: bytes, error: ServiceError | None) -> None:
        """Send the answer to whoever asked; called once. `error` is what the body says, if it is one."""
