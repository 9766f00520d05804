"""A clock that can be waited for beside sockets: its signal becomes a byte. Knows nothing of who waits.

A wait with a time limit would cost a microsecond each.
"""

import contextlib
import signal
import socket

WOKEN_BYTES = 64


class Alarm:
    """Readable every so often, and when it was asked to be."""

    def __init__(self, every_s: float) -> None:
        """Take SIGALRM and the process's timer; only the main thread may."""
        self._every_s = every_s
        self._reader, self._writer = socket.socketpair()
        for end in (self._reader, self._writer):
            end.setblocking(False)
        signal.signal(signal.SIGALRM, lambda *_: None)
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        signal.setitimer(signal.ITIMER_REAL, every_s, every_s)

    def fileno(self) -> int:
        """Return the descriptor that is to be waited for."""
        return self._reader.fileno()

    def ring_in(self, seconds: float) -> None:
        """Be readable in so many seconds, and from then on as before."""
        signal.setitimer(signal.ITIMER_REAL, seconds, self._every_s)

    def quiet(self) -> None:
        """Be readable no more, until it rings again."""
        with contextlib.suppress(BlockingIOError):
            self._reader.recv(WOKEN_BYTES)

    def close(self) -> None:
        """Let go of timer and signal."""
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.set_wakeup_fd(-1)
        self._reader.close()
        self._writer.close()
