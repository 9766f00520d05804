"""What ends a process: signals for main, a pipe for HTTP processes, and for every child the end of main."""

import contextlib
import ctypes
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing import resource_tracker
from types import FrameType

PR_SET_PDEATHSIG = 1
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

Caught = list[tuple[int, float]]
"""Signals, and when they came."""


def catch(handler: Callable[[int, FrameType | None], None]) -> None:
    """Have `handler` called for each of them from now on."""
    for number in SIGNALS:
        if number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN:
            continue  # as nohup wants it
        signal.signal(number, handler)


def record() -> Caught:
    """Have them do nothing from now on but be in the list that is returned."""
    caught: Caught = []
    catch(lambda number, _: caught.append((number, time.monotonic())))
    return caught


@contextlib.contextmanager
def woken_by_signals() -> Iterator[socket.socket]:
    """Yield a socket that becomes readable with each signal."""
    awake, wake = socket.socketpair()
    with awake, wake:
        awake.setblocking(False)
        wake.setblocking(False)
        before = signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
        try:
            yield awake
        finally:
            signal.set_wakeup_fd(before)


@contextlib.contextmanager
def unsignalled() -> Iterator[None]:
    """Have processes that are started meanwhile never see a signal that main acts on.

    A terminal, or whoever signals a whole group, would else end them under main's hands. Blocked signals
    stay so in a child, from its first instruction on; main gets its own when it is done.
    """
    resource_tracker.ensure_running()  # a spawn would start it, and unblock them
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Ending:
    """A pipe by which main tells the HTTP processes to finish."""

    def __init__(self) -> None:
        self.fd, self._end = os.pipe()

    def tell(self) -> None:
        """Make `fd` readable: there is something in it, which nobody takes out."""
        os.write(self._end, b"!")


def die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent, process `parent`, ends in whatever way."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)
