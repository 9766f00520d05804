"""What ends a process: the signals that main acts on, and for its children the end of main."""

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable
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


def die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent, process `parent`, ends in whatever way."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)
