"""Log lines written without ever waiting: what nobody takes is dropped. Knows nothing of what is in them."""

import logging
import os
import select
import socket
import stat
from collections.abc import Callable


class DroppingHandler(logging.Handler):
    """Writes lines to a descriptor and never waits: what nobody takes is dropped and counted.

    A reader that stalls (a frozen terminal, a stuck collector) would else stop the service with its next
    line.
    """

    def __init__(self, descriptor: int, dropped: Callable[[int], None]) -> None:
        """`dropped` is told how many lines were dropped, each time that some are."""
        super().__init__()
        self._write_some, self._close = writer(descriptor)
        self._dropped = dropped
        self._lost = 0
        self._rest = b""
        """What is left of a line that was begun: it goes first, or lines would run into each other."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record's line, or drop it."""
        if self._lost and self._write(b""):
            lost, self._lost = self._lost, 0
            if not self._write(self._line(self._notice(lost))):
                self._lost = lost
        if not self._write(self._line(record)):
            self._lost += 1
            self._dropped(1)

    def close(self) -> None:
        """Let go of what is the handler's own; the descriptor stays open."""
        self._close()
        self._close = _nothing
        super().close()

    def _line(self, record: logging.LogRecord) -> bytes:
        return self.format(record).encode("utf-8", "backslashreplace") + b"\n"

    def _write(self, line: bytes) -> bool:
        """Return whether the line is written, or at least begun, so that its rest will follow."""
        begun = False
        try:
            while self._rest:
                self._rest = self._rest[self._write_some(self._rest) :]
            while line:
                line = line[self._write_some(line) :]
                begun = True
        except BlockingIOError:
            if begun:
                self._rest = line
            return begun
        except OSError:  # closed by whoever read it
            self._rest = b""
            return False
        return True

    @staticmethod
    def _notice(lost: int) -> logging.LogRecord:
        text = "dropped %d log lines that nobody took"
        return logging.LogRecord("logitserve.logs", logging.WARNING, __file__, 0, text, (lost,), None)


def writer(descriptor: int) -> tuple[Callable[[bytes], int], Callable[[], None]]:
    """Return what writes of some bytes what is taken at once, and what closes it.

    It raises BlockingIOError when nothing is taken. The descriptor is shared with other programs, a terminal
    even with the shell, so that it stays blocking: where it can, the writer opens a description of its own.
    """
    try:
        kind = os.fstat(descriptor).st_mode
    except OSError:  # closed before we started

        def refuse(_: bytes) -> int:
            raise BlockingIOError

        return refuse, _nothing
    if stat.S_ISSOCK(kind):
        peer = socket.socket(fileno=os.dup(descriptor))
        return lambda data: peer.send(data, socket.MSG_DONTWAIT), peer.close
    if stat.S_ISREG(kind):  # only a disk to wait for; opened anew it would be written from its beginning
        return lambda data: os.write(descriptor, data), _nothing
    try:
        own = os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError:  # another user's, or a system without /proc

        def look_first(data: bytes) -> int:
            # A pipe that polls writable takes PIPE_BUF bytes at once (POSIX), unless another process does.
            poll = select.poll()
            poll.register(descriptor, select.POLLOUT)
            if not any(event & select.POLLOUT for _, event in poll.poll(0)):
                raise BlockingIOError from None
            return os.write(descriptor, data[: select.PIPE_BUF])

        return look_first, _nothing
    return lambda data: os.write(own, data), lambda: os.close(own)


def _nothing() -> None:
    pass
