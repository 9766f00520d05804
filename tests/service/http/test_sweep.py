"""The sweep: everyone is looked at once a second, and nobody means no timer."""

import pytest

from service.http import sweep as module
from service.http.sweep import SWEEP_S, Sweep
from service.shares import Shares
from tests.service.virtual_time import VirtualLoop


class Connection:
    """Keeps when it was looked at."""

    def __init__(self) -> None:
        self.looked: list[float] = []

    def check_time(self, now: float) -> None:
        self.looked.append(now)


def test_everyone_is_looked_at_while_connected(loop: VirtualLoop) -> None:
    """Whoever left is not."""
    sweep, first, second = Sweep(Shares(1), 0), Connection(), Connection()
    began = loop.now
    sweep.opened(first)
    loop.go_on(SWEEP_S / 2)
    sweep.opened(second)
    loop.go_on(2 * SWEEP_S)
    assert first.looked == second.looked == pytest.approx([began + SWEEP_S, began + 2 * SWEEP_S])
    sweep.closed(first)
    loop.go_on(SWEEP_S)
    assert (len(first.looked), len(second.looked)) == (2, 3)


def test_without_connections_nothing_is_timed(loop: VirtualLoop) -> None:
    """An idle process sleeps; the next connection is watched again."""
    sweep, one = Sweep(Shares(1), 0), Connection()
    sweep.opened(one)
    sweep.closed(one)
    loop.go_on(SWEEP_S)
    assert loop._scheduled == []  # type: ignore[attr-defined] # its timers
    sweep.opened(one)
    loop.go_on(SWEEP_S)
    assert len(one.looked) == 1


def test_a_connection_may_leave_while_it_is_looked_at(loop: VirtualLoop) -> None:
    """As one does whose time is over."""
    sweep = Sweep(Shares(1), 0)

    class Leaving(Connection):
        def check_time(self, now: float) -> None:
            super().check_time(now)
            sweep.closed(self)

    ones = [Leaving() for _ in range(3)]
    for each in ones:
        sweep.opened(each)
    loop.go_on(SWEEP_S)
    assert [len(each.looked) for each in ones] == [1, 1, 1]
    assert not sweep.connections


def test_the_date_is_made_anew_each_second(loop: VirtualLoop, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the first connection on, in the form of RFC 9110."""
    monkeypatch.setattr(module, "formatdate", lambda *, usegmt: f"second {loop.now - began:.0f} {usegmt}")
    began, sweep = loop.now, Sweep(Shares(1), 0)
    sweep.opened(Connection())
    assert sweep.date == b"second 0 True"
    loop.go_on(SWEEP_S)
    assert sweep.date == b"second 1 True"


def test_a_surplus_that_lasts_is_shed(loop: VirtualLoop) -> None:
    """As many connections as there were too many for a second, and none when others hold as many by then."""
    shares = Shares(2)
    shares.open(0)
    shares.open(1)
    shares.add(0, 8)
    sweep = Sweep(shares, 0)
    sweep.opened(Connection())
    loop.go_on(SWEEP_S)
    assert not sweep.sheds()
    loop.go_on(SWEEP_S)
    assert [sweep.sheds() for _ in range(5)] == [True] * 4 + [False]
    loop.go_on(SWEEP_S)
    assert sweep.sheds()
    shares.add(1, 8)
    assert not sweep.sheds()
