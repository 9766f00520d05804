"""What ends a process: signals that are only noted, a socket that they wake, a pipe, and a parent's death."""

import ctypes
import os
import select
import signal
import sys
from collections.abc import Iterator

import pytest

from service.lifetime import SIGNALS, Ending, die_with, record, woken_by_signals

PR_SET_PDEATHSIG, PR_GET_PDEATHSIG = 1, 2


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Put the process's own handlers back."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def readable(descriptor: int) -> bool:
    """Return whether there is anything to read, now."""
    return select.select([descriptor], [], [], 0)[0] != []


def test_signals_are_noted_in_their_order_and_do_nothing_else() -> None:
    """With when they came, by which a second one is told from one that came with the first."""
    caught = record()
    assert caught == []
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.raise_signal(number)
    assert [number for number, _ in caught] == [signal.SIGTERM, signal.SIGHUP, signal.SIGINT]
    assert [at for _, at in caught] == sorted(at for _, at in caught)


def test_a_hangup_that_nohup_has_ignored_stays_ignored() -> None:
    """The service then outlives its terminal; other signals are caught all the same."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    caught = record()
    signal.raise_signal(signal.SIGHUP)
    signal.raise_signal(signal.SIGTERM)
    assert [number for number, _ in caught] == [signal.SIGTERM]


def test_a_signal_ends_a_wait() -> None:
    """A socket becomes readable with it; afterwards signals wake whom they woke before."""
    record()
    with woken_by_signals() as outer:
        with woken_by_signals() as awake:
            assert not readable(awake.fileno())
            signal.raise_signal(signal.SIGTERM)
            assert readable(awake.fileno())
            assert not readable(outer.fileno())
        signal.raise_signal(signal.SIGTERM)
        assert readable(outer.fileno())


def test_the_end_is_told_to_whoever_looks_however_late() -> None:
    """Nobody takes out what is in the pipe, and it may be told twice."""
    ending = Ending()
    assert not readable(ending.fd)
    ending.tell()
    ending.tell()
    assert readable(ending.fd)
    assert readable(ending.fd)
    os.close(ending.fd)
    os.close(ending._end)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's part is Linux's")
def test_a_child_ends_with_its_parent_and_at_once_when_that_has_ended() -> None:
    """The kernel kills it from then on; a parent that had died before would never be noticed."""
    kernel, told = ctypes.CDLL(None), ctypes.c_int()
    kernel.prctl(PR_GET_PDEATHSIG, ctypes.byref(told))
    before = told.value
    try:
        die_with(os.getppid())
        kernel.prctl(PR_GET_PDEATHSIG, ctypes.byref(told))
        assert told.value == signal.SIGKILL
        with pytest.raises(SystemExit) as ended:
            die_with(os.getpid())
        assert ended.value.code == 1
    finally:
        kernel.prctl(PR_SET_PDEATHSIG, before)
