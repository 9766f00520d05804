"""Who holds how many connections, and who should get the next one."""

import os

import pytest

from service.shares import CHURN, Shares


def holding(*connections: int | None) -> Shares:
    """Return the shares of processes that hold so many; None accepts nobody."""
    shares = Shares(len(connections))
    for slot, count in enumerate(connections):
        if count is not None:
            shares.open(slot)
            shares.add(slot, count)
    return shares


@pytest.mark.parametrize(
    ("connections", "crowded"),
    [
        ((0, 0), False),
        ((1, 0), False),
        ((2, 0), True),
        ((2, 1), False),
        ((5, 3), True),
        ((21, 16), False),
        ((22, 16), True),
        ((900, None), False),
        ((3, 9, 1, None), True),
        ((7,), False),
    ],
)
def test_the_next_connection_is_for_whoever_holds_clearly_fewer(
    connections: tuple[int | None, ...], *, crowded: bool
) -> None:
    """By more than one, and more than a quarter; a process that accepts nobody does not count."""
    assert holding(*connections).crowded(0) is crowded


@pytest.mark.parametrize(
    ("connections", "surplus"),
    [
        ((8, 0), 4),
        ((6, 2), 0),
        ((7, 1), 3),
        ((0, 8), 0),
        ((8, None), 0),
        ((9, 0, 0), 6),
        ((0, 0), 0),
        ((2, 0), 0),
        ((3, 0), 1),
    ],
)
def test_more_than_half_over_its_share_is_too_many(connections: tuple[int | None, ...], surplus: int) -> None:
    """Unless it is just one; all that is over the share is then."""
    assert holding(*connections).surplus(0) == surplus


def test_nobody_is_crowded_where_connections_come_and_go() -> None:
    """From the moment on that so many are gone, until a second passes in which they stay."""
    shares = holding(2 + CHURN + 1, 0)
    shares.add(0, -CHURN)
    assert shares.crowded(0)
    shares.add(0, -1)
    assert not shares.crowded(0)
    shares.tick()
    assert not shares.crowded(0)
    shares.tick()
    assert shares.crowded(0)


def test_other_processes_see_it() -> None:
    """What one counts, before and after a fork."""
    shares = holding(0, 0)
    child = os.fork()
    if not child:
        shares.add(1, 7)
        os._exit(0)
    os.waitpid(child, 0)
    assert not shares.crowded(0)
    assert shares.crowded(1)
    shares.close(0)
    shares.add(0, -1)
    assert not shares.crowded(1)
