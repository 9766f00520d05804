"""A client that sends bytes as they are, and cuts what comes back into answers."""

import itertools
import re
import socket
from collections.abc import Iterable
from typing import NamedTuple, Self

from tests.e2e.running import Service

PATIENCE_S = 30.0
LENGTH = re.compile(rb"content-length: ([0-9]+)\r\n", re.IGNORECASE)


class Answer(NamedTuple):
    """One answer: its status, its head, its body."""

    status: int
    head: bytes
    body: bytes


class Client:
    """One connection to a service."""

    def __init__(self, service: Service | int) -> None:
        port = service if isinstance(service, int) else service.port
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = b""
        self.continued = 0
        """How often 100 Continue came."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, *parts: bytes) -> None:
        """Send bytes, each part in a write of its own."""
        for part in parts:
            self._socket.sendall(part)

    def answer(self, *, bodiless: bool = False) -> Answer | None:
        """Return the next answer, or None when the connection ends before one."""
        while (end := self._received.find(b"\r\n\r\n")) < 0:
            if not self._more():
                return None
        head = self._received[: end + 4]
        status = int(head.split(b" ", 2)[1])
        if status == 100:
            self.continued += 1
            self._received = self._received[end + 4 :]
            return self.answer(bodiless=bodiless)
        length = LENGTH.search(head)
        size = end + 4 + (0 if bodiless or length is None else int(length[1]))
        while len(self._received) < size:
            assert self._more(), "the connection ended in an answer"
        body, self._received = self._received[end + 4 : size], self._received[size:]
        return Answer(status, head, body)

    def answers(self, count: int) -> list[Answer]:
        """Return the next `count` answers; fail when there are fewer."""
        found = [self.answer() for _ in range(count)]
        return [answer for answer in found if answer is not None or self._fail(count)]

    def ends(self) -> bool:
        """Return whether the connection ends, and nothing comes before it does."""
        return self._received == b"" and not self._more()

    @staticmethod
    def _fail(count: int) -> bool:
        raise AssertionError(f"the connection ended before {count} answers")

    def _more(self) -> bool:
        try:
            found = self._socket.recv(1 << 16)
        except ConnectionError:
            return False
        self._received += found
        return found != b""


def chunked(body: bytes, *, size: int = 7, extension: bytes = b"", trailer: bytes = b"") -> bytes:
    """Return `body` in chunks of `size` bytes, each with an extension, and a trailer after the last."""
    parts = [body[place : place + size] for place in range(0, len(body), size)]
    chunks = [b"%x%b\r\n%b\r\n" % (len(part), extension, part) for part in parts]
    return b"".join([*chunks, b"0", extension, b"\r\n", trailer, b"\r\n"])


def request(
    method: bytes,
    path: bytes,
    *headers: bytes,
    body: bytes | None = None,
    version: bytes = b"1.1",
    chunks: bool = False,
) -> bytes:
    """Return a request with a Host, and a body by its length or in chunks."""
    lines = [b"%b %b HTTP/%b" % (method, path, version), b"Host: localhost", *headers]
    if body is not None:
        lines.append(b"Transfer-Encoding: chunked" if chunks else b"Content-Length: %d" % len(body))
    return b"\r\n".join([*lines, b"", (chunked(body) if chunks else body) if body else b""])


def split(data: bytes, places: Iterable[int]) -> list[bytes]:
    """Return `data` cut at `places`."""
    cuts = [0, *sorted({place % len(data) for place in places} - {0}), len(data)]
    return [data[first:last] for first, last in itertools.pairwise(cuts)]


def doubled(path: str) -> list[str]:
    """Return `path` with each of its slashes but the first doubled, one at a time."""
    return [path[:place] + "/" + path[place:] for place in range(1, len(path)) if path[place] == "/"]
