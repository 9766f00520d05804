"""What main and the librarian tell each other, over a socket of their own. Knows nothing of its meaning.

One JSON document a line. Main never waits for the librarian, which may hang with the store: what has come
so far is kept until a line is whole.
"""

import contextlib
import socket
from typing import Any, NamedTuple, TypedDict

import msgspec

from service.library.table import Offer

MOST_BYTES = 16 * 1024
"""The longest request: the kernel takes as much at once or not at all."""
CHUNK_BYTES = 64 * 1024


class Request(TypedDict, total=False):
    """`load` (with `versions`; None for the one that CURRENT names) or `unload` a model, `discard` a copy.

    It comes back with its answer, as `id` for one.
    """

    load: str
    versions: list[int] | None
    unload: str
    discard: str
    id: int


class Answer(NamedTuple):
    """What became of a request: `error` is one line, or None when it was done."""

    request: Request
    error: str | None


class _Told(msgspec.Struct, omit_defaults=True):
    offer: Offer | None = None
    answer: Answer | None = None


class _End:
    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._rest = b""

    def fileno(self) -> int:
        """Return what is readable when something has come, or the other end is closed."""
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    def _lines(self) -> list[bytes]:
        """Return the lines that are whole by now. Raises EOFError when the other end is closed."""
        received = None
        with contextlib.suppress(BlockingIOError):
            received = self._socket.recv(CHUNK_BYTES, socket.MSG_DONTWAIT)
        if received == b"":
            raise EOFError
        *lines, self._rest = (self._rest + (received or b"")).split(b"\n")
        return lines


class Desk(_End):
    """Main's end."""

    def ask(self, request: Request) -> None:
        """Send a request.

        Raises BlockingIOError when the librarian has not taken those before it, BrokenPipeError when it is
        gone, ValueError when the request is too long.
        """
        line = msgspec.json.encode(request) + b"\n"
        if len(line) > MOST_BYTES:
            raise ValueError(f"a request of {len(line)} bytes, more than {MOST_BYTES}")
        self._socket.send(line, socket.MSG_DONTWAIT)

    def take(self) -> list[Offer | Answer]:
        """Return what has come. Raises EOFError when the librarian is gone, and all it said was taken."""
        told = [msgspec.json.decode(line, type=_Told) for line in self._lines()]
        return [said for each in told for said in (each.offer, each.answer) if said is not None]


class Inside(_End):
    """The librarian's end."""

    def offer(self, offer: Offer) -> None:
        """Tell main what there is; waits until it takes it. Raises OSError when main is gone."""
        self._tell(_Told(offer=offer))

    def answer(self, request: Request, error: str | None) -> None:
        """Tell main what became of a request."""
        self._tell(_Told(answer=Answer(request, error)))

    def take(self) -> list[Request]:
        """Return the requests that have come. Raises EOFError when main is gone."""
        return [msgspec.json.decode(line, type=Request) for line in self._lines()]

    def _tell(self, told: Any) -> None:
        self._socket.sendall(msgspec.json.encode(told) + b"\n")


def desk() -> tuple[Desk, Inside]:
    """Make both ends; the process that keeps one closes the other."""
    ours, theirs = socket.socketpair()
    return Desk(ours), Inside(theirs)
