"""Calls that come from no connection: what they are answered is kept."""

import time

from service.errors import ServiceError
from service.plane.call import Call, Content


class KeptCall(Call):
    """A call, and its answer."""

    def __init__(self, body: bytes, headers: dict[bytes, bytes] | None = None) -> None:
        super().__init__(headers or {}, "made", time.monotonic())
        self.deadline = self.started + 10
        self.body = [body]
        self.answered: tuple[int, Content, bytes, ServiceError | None] | None = None

    def answer(self, status: int, content: Content, body: bytes, error: ServiceError | None) -> None:
        """Keep the answer."""
        assert self.answered is None
        self.answered = status, content, body, error
