"""The signals that end the service, and who acts on them. Knows nothing of what ends."""

import signal
import time
from collections.abc import Callable
from types import FrameType

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
