"""A clock that can be waited for beside sockets."""

import contextlib
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from service.worker.alarm import WOKEN_BYTES, Alarm

SOON_S, LATE_S, NEVER_S = 0.02, 0.3, 3600.0
GRACE_S = 20.0


@pytest.fixture
def alarm() -> Iterator[Alarm]:
    """One that does not ring by itself."""
    made = Alarm(NEVER_S)
    yield made
    made.close()


def rings(alarm: Alarm, within_s: float) -> bool:
    """Return whether it rings in time; it is quiet then."""
    rung = bool(select.select([alarm], [], [], within_s)[0])
    if rung:
        alarm.quiet()
    return rung


def test_it_rings_every_so_often() -> None:
    """Whoever waits for it with `select` or `epoll` is woken, and again."""
    made, began = Alarm(SOON_S), time.monotonic()
    try:
        assert [rings(made, GRACE_S) for _ in range(3)] == [True] * 3
        assert time.monotonic() - began >= 3 * SOON_S - 0.005
    finally:
        made.close()


def test_it_rings_when_it_was_asked_to_and_then_as_before() -> None:
    """What was asked for last holds."""
    made, began = Alarm(LATE_S), time.monotonic()
    try:
        made.ring_in(NEVER_S)
        made.ring_in(SOON_S)
        assert rings(made, GRACE_S)
        first = time.monotonic() - began
        assert rings(made, GRACE_S)
        second = time.monotonic() - began
    finally:
        made.close()
    assert first >= SOON_S - 0.005
    assert second - first >= LATE_S - 0.1


def test_it_is_quiet_until_it_rings(alarm: Alarm) -> None:
    """To quiet one that does not ring waits for nothing."""
    alarm.quiet()
    assert not rings(alarm, 0)
    alarm.ring_in(SOON_S)
    assert rings(alarm, GRACE_S)
    assert not rings(alarm, 2 * SOON_S)


def test_one_that_nobody_hears_fills_no_buffer(alarm: Alarm) -> None:
    """As while a model takes minutes for a call: no warning, and it goes on."""
    for _ in range(WOKEN_BYTES + 6):
        os.kill(os.getpid(), signal.SIGALRM)
    assert rings(alarm, 0)
    assert rings(alarm, 0)
    assert not rings(alarm, 0)
    with contextlib.suppress(BlockingIOError):
        while True:
            alarm._writer.send(b"x")
    os.kill(os.getpid(), signal.SIGALRM)
    while rings(alarm, 0):
        pass
    alarm.ring_in(SOON_S)
    assert rings(alarm, GRACE_S)


def test_what_waits_elsewhere_goes_on(alarm: Alarm) -> None:
    """A read or a sleep that it interrupts begins anew."""
    left, right = socket.socketpair()
    with left, right:
        alarm.ring_in(SOON_S)
        sender = threading.Timer(5 * SOON_S, lambda: right.sendall(b"later"))
        sender.start()
        assert left.recv(10) == b"later"
        sender.join()
    assert rings(alarm, 0)


def test_closed_it_leaves_nothing_behind() -> None:
    """Neither the timer nor the signal nor a descriptor."""
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    Alarm(NEVER_S).close()
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
    assert signal.getsignal(signal.SIGALRM) is signal.SIG_DFL
    descriptor = signal.set_wakeup_fd(-1)
    assert descriptor == -1
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
