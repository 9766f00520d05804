"""The workers: replaced, tried less and less, given up; over processes and a clock that a test plays."""

import itertools
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from service.errors import StartError
from service.host.supervisor import END_S
from service.host.workers import FIRST_BACKOFF_S, LONGEST_BACKOFF_S
from service.run_directory import reason_path
from tests.service.host.scene import Scene


@pytest.mark.parametrize(("code", "reason"), [(-9, "signal"), (1, "exit")])
def test_a_dead_worker_is_replaced_at_once(play: Callable[..., Scene], code: int, reason: str) -> None:
    """One that was ready has earned it."""
    one = play(workers=2)
    one.at(1, lambda: one.ready.update({0, 1}))
    one.at(2, lambda: one.end_worker(1, code))
    one.send(signal.SIGTERM, 3)
    one.run()
    assert one.started[2:] == [("worker", 1, 1002.0)]
    assert one.counted["restarts"] == [reason]
    assert one.counted["up"] == [("0", 1), ("1", 1), ("1", 0)]


def test_a_stuck_worker_is_told_from_one_that_died(play: Callable[..., Scene]) -> None:
    """An HTTP process ended it, and said so."""
    one = play()
    one.at(1, lambda: one.ready.add(0))
    one.at(2, lambda: (one.deployment.flags.mark_stuck(0), one.end_worker(0, -9)))
    one.send(signal.SIGTERM, 3)
    one.run()
    assert one.counted["restarts"] == ["stuck"]


def test_a_worker_that_anyone_saw_ready_was_ready(play: Callable[..., Scene]) -> None:
    """An HTTP process may hear of it first; its death then is no failed start."""
    one = play()
    one.at(1, lambda: (one.deployment.flags.mark_greeted(0), one.end_worker(0, -9)))
    one.at(2, lambda: one.ready.add(0))
    one.send(signal.SIGTERM, 3)
    one.run()
    assert one.counted["restarts"] == ["signal"]


def test_a_worker_that_cannot_start_ends_the_service(play: Callable[..., Scene], tmp_path: Path) -> None:
    """With what it said; nothing is left."""
    one = play(workers=2)
    reason_path(tmp_path, 1).write_text("the weights differ")
    one.at(1, lambda: one.end_worker(1, 1))
    with pytest.raises(StartError, match="worker 1 could not start: the weights differ"):
        one.run()
    assert not any(process.is_alive() for process in [*one.apis, *one.workers])
    assert one.counted["loads"] == ["failed"]


def test_a_worker_that_fails_again_and_again_is_tried_less_and_less(play: Callable[..., Scene]) -> None:
    """Once the service has been ready it goes on with what it has."""
    one = play(workers=2)
    one.at(1, lambda: one.ready.update({0, 1}))
    one.at(2, lambda: one.end_worker(1, -9))
    for second in range(3, 60):
        one.at(second, lambda: one.end_worker(1, 1))
    one.send(signal.SIGTERM, 60)
    one.run()
    starts = [at for name, _, at in one.started if name == "worker"]
    assert starts[0] == 1002.0
    died = [max(second for second in range(1000, 1061) if second <= at) for at in starts[1:]]
    waits = [at - before for at, before in zip(starts[1:], died, strict=True)]
    assert waits[0] == pytest.approx(FIRST_BACKOFF_S, abs=0.06)
    assert max(at - before for before, at in itertools.pairwise(starts)) <= LONGEST_BACKOFF_S + 1.1


def test_no_worker_in_time_ends_the_service(play: Callable[..., Scene]) -> None:
    """At the start, and later too."""
    one = play(start_timeout_s=20)
    with pytest.raises(StartError, match="no worker was ready within 20 s"):
        one.run()
    assert 20 < one.now - 1000 < 20 + 2 * END_S
