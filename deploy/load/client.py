"""One HTTP/1.1 client connection with no cost to speak of. Knows nothing of rates or of what is asked."""

import asyncio
import json
from typing import Any, NamedTuple, Self


class Answer(NamedTuple):
    """A complete answer; header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Connection:
    """A connection that carries one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.open = True

    @classmethod
    async def connect(cls, port: int) -> Self:
        """Connect to a port of this machine; raises OSError."""
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def ask(self, request: bytes) -> Answer:
        """Send a complete request and return its answer; raises OSError or EOFError when there is none."""
        self._writer.write(request)
        return await self.answer()

    async def answer(self) -> Answer:
        """Return the next answer; raises as `ask` does."""
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)
        }
        body = await self._reader.readexactly(int(headers["content-length"]))
        if headers.get("connection") == "close":
            self.close()
        return Answer(int(head[0].split()[1]), headers, body)

    def close(self) -> None:
        """Close the connection, whatever it still waits for."""
        self.open = False
        self._writer.close()


def post(instances: Any, headers: str = "") -> bytes:
    """Return the bytes of a predict request; `headers` are whole lines."""
    body = json.dumps({"instances": instances})
    return (
        f"POST /predict HTTP/1.1\r\nHost: test\r\n{headers}Content-Length: {len(body)}\r\n\r\n{body}".encode()
    )


def get(path: str) -> bytes:
    """Return the bytes of a request without body."""
    return f"GET {path} HTTP/1.1\r\nHost: test\r\n\r\n".encode()
