"""What waits for one version: taken in order, dropped when nobody waits for it."""

import pytest

from tests.service.plane.workbench import Job, make_queue, wait
from tests.service.virtual_time import VirtualLoop


def test_what_fits_is_taken_in_order(loop: VirtualLoop) -> None:
    """A request is never cut: one that is alone may have more rows than fit."""
    queue = make_queue()
    jobs = [Job(loop, rows) for rows in (5, 2, 2, 1)]
    for job in jobs:
        wait(queue, job)
    assert queue.rows == 10
    assert [queue.take(loop.now, 4) for _ in range(3)] == [jobs[:1], jobs[1:3], jobs[3:]]
    assert (queue.rows, list(queue.jobs)) == (0, [])
    assert queue.take(loop.now, 4) == []


def test_what_nobody_waits_for_is_not_taken(loop: VirtualLoop) -> None:
    """Its client left, or its deadline passed; nor does it take the place of others."""
    queue = make_queue()
    gone, late, good = Job(loop, 3), Job(loop, 3, timeout_s=0.0), Job(loop)
    gone.live = False
    for job in (gone, late, good):
        wait(queue, job)
    assert queue.take(loop.now, 3) == [good]
    assert queue.rows == 0


def test_what_is_dead_is_dropped(loop: VirtualLoop) -> None:
    """And no longer counts as work."""
    queue = make_queue()
    gone, good = Job(loop, 3), Job(loop, 2)
    for job in (gone, good):
        wait(queue, job)
    gone.live = False
    queue.drop_dead()
    assert (list(queue.jobs), queue.rows) == ([good], 2)


def test_the_pace_is_a_running_mean() -> None:
    """A single call that was slow says little."""
    queue = make_queue()
    for _ in range(200):
        queue.paced(0.5, 5)
    assert queue.seconds_a_row == pytest.approx(0.1)
    queue.paced(9, 10)
    assert queue.seconds_a_row == pytest.approx(0.2)
