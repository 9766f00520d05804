"""Main's own connection to a worker, by which it says what to load. Knows nothing of why."""

from __future__ import annotations

import itertools
import json
import socket
from typing import TYPE_CHECKING, NamedTuple

from service.library.table import Refusal
from service.wire import frames

if TYPE_CHECKING:
    from pathlib import Path

CONNECT_S = 0.05
RECEIVE_BYTES = 65536


class Done(NamedTuple):
    """A worker's reply to a command."""

    command: frames.Command
    digest: str
    refusal: Refusal | None


class Peer:
    """One worker's slot, as main sees it. Nothing here waits for the worker."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._socket: socket.socket | None = None
        self._numbers = itertools.count(1)
        self._asked: dict[int, tuple[frames.Command, str]] = {}

    def connected(self) -> bool:
        """Whether there is a worker that hears."""
        return self._socket is not None

    def fileno(self) -> int:
        """Return what becomes readable with a reply; only when connected."""
        assert self._socket is not None  # noqa: S101 - as the docstring says
        return self._socket.fileno()

    def connect(self) -> bool:
        """Connect to a worker that is ready; return whether it was there."""
        self.close()
        end = socket.socket(socket.AF_UNIX)
        end.settimeout(CONNECT_S)
        try:
            end.connect(str(self._path))
        except OSError:  # it ended meanwhile
            end.close()
            return False
        end.setblocking(False)
        self._socket, self._stream = end, frames.Stream(frames.REPLY)
        return True

    def close(self) -> None:
        """Forget the worker."""
        if self._socket is not None:
            self._socket.close()
        self._socket = None
        self._asked.clear()

    def send(self, command: frames.Command, digest: str) -> None:
        """Send a command; a worker that takes none any more is one that has ended."""
        number = next(self._numbers)
        self._asked[number] = command, digest
        if self._socket is not None:
            try:
                self._socket.sendall(frames.pack_command(number, command, bytes.fromhex(digest)))
            except OSError:
                self.close()

    def replies(self) -> list[Done]:
        """Return the replies that are there; afterwards it may be no more connected."""
        if self._socket is None:
            return []
        found: list[Done] = []
        try:
            while data := self._socket.recv(RECEIVE_BYTES):
                for (_, number, status, _, _), payload in self._stream.feed(data):
                    if status == frames.Status.HELLO:
                        continue
                    command, digest = self._asked.pop(number)
                    refused = status == frames.Status.REFUSED
                    refusal = Refusal(*json.loads(bytes(payload))) if refused else None
                    found.append(Done(command, digest, refusal))
            self.close()
        except BlockingIOError:
            pass
        except OSError:
            self.close()
        return found
