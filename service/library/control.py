"""How main and an HTTP process talk: messages of JSON, each whole, on a socket that outlives the process.

Main says `{"prepare": number}` and `{"answer": id, "error": text or null}`; a process `{"known": number}`,
and `{"ask": id, "load": model, "versions": [number…] or null}` or `{"ask": id, "unload": model}`. Nothing
waits for a message but who asked: one that does not fit is dropped.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MOST_BYTES = 65536
ANSWER_S = 60.0
"""How long who asks waits: a version is copied, tried and loaded meanwhile."""


def channel() -> tuple[socket.socket, socket.socket]:
    """Return main's end and the process's."""
    ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in ends:
        end.setblocking(False)
    return ends


def send(end: socket.socket, message: dict[str, Any]) -> None:
    """Send a message, unless so many wait that nobody seems to read them."""
    with contextlib.suppress(BlockingIOError):
        end.send(json.dumps(message).encode())


def receive(end: socket.socket) -> Iterator[dict[str, Any]]:
    """Yield the messages that are there."""
    with contextlib.suppress(BlockingIOError):
        while data := end.recv(MOST_BYTES):
            yield json.loads(data)


class Control:
    """An HTTP process's end."""

    def __init__(self, end: socket.socket, prepare: Callable[[int], None], known: int) -> None:
        """`prepare` is told of the number of a table that is about to be committed; `known` is the first."""
        self._end = end
        self._prepare = prepare
        self._asked: dict[str, asyncio.Future[str | None]] = {}
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(end, self._receive)
        send(end, {"known": known})

    def close(self) -> None:
        """Hear no more."""
        self._loop.remove_reader(self._end)

    async def ask(self, wish: dict[str, Any]) -> str | None:
        """Ask main to load or unload a model; return why it was not done, or None. Raises TimeoutError."""
        ident = os.urandom(8).hex()
        answer = self._asked[ident] = self._loop.create_future()
        send(self._end, {"ask": ident, **wish})
        try:
            return await asyncio.wait_for(answer, ANSWER_S)
        finally:
            del self._asked[ident]

    def _receive(self) -> None:
        for message in receive(self._end):
            if "prepare" in message:
                self._prepare(message["prepare"])
                send(self._end, {"known": message["prepare"]})
            elif (asked := self._asked.get(message["answer"])) and not asked.done():
                asked.set_result(message["error"])
