"""The batcher: order, deadlines, retries and the pace, without a process or a clock."""

from collections.abc import Callable

import pytest

from service.errors import DeadlineError, InternalError
from service.plane.batcher import BATCH_TARGET_S, MAX_ATTEMPTS, SWEEP_S
from service.wire.frames import Status
from tests.service.plane.workbench import Job, Workbench, make_queue
from tests.service.virtual_time import VirtualLoop


def test_a_lone_request_leaves_at_once(loop: VirtualLoop, workbench: Callable[..., Workbench]) -> None:
    """Nothing is waited for, not even the loop's turn."""
    one = workbench()
    job = Job(loop)
    one.submit(job)
    assert [batch.jobs for batch in one.lanes[0].sent] == [[job]]
    one.reply()
    assert job.scores == [0.0]
    assert len(one.pending) == 0


def test_a_request_without_rows_is_answered_at_once(
    loop: VirtualLoop, workbench: Callable[..., Workbench]
) -> None:
    """Whoever else waits: no worker has anything to do with it."""
    one = workbench()
    first, waiting, empty = Job(loop), Job(loop), Job(loop, rows=0)
    one.submit(first, waiting, empty)
    assert empty.scores == []
    assert list(one.pending) == [first, waiting]
    one.reply()
    assert one.lanes[0].sent[-1].jobs == [waiting]


def test_what_waits_together_leaves_together_in_order(
    loop: VirtualLoop, workbench: Callable[..., Workbench]
) -> None:
    """While the worker is busy; each request gets its own rows' results."""
    one = workbench()
    first, *others = jobs = [Job(loop, rows) for rows in (1, 2, 1, 3)]
    one.submit(*jobs)
    assert len(one.lanes[0].sent) == 1
    one.reply()
    assert one.lanes[0].sent[1].jobs == others
    assert first.scores == [0.0]
    one.reply()
    assert [job.scores for job in others] == [[0.0, 1.0], [2.0], [3.0, 4.0, 5.0]]
    assert one.batches == [1, 6]


def test_free_lanes_are_all_used(loop: VirtualLoop, workbench: Callable[..., Workbench]) -> None:
    """A second request does not wait for the first one's worker when another is free."""
    two = workbench(lanes=2)
    two.submit(Job(loop), Job(loop))
    loop.go_on()
    assert [len(lane.sent) for lane in two.lanes] == [1, 1]


def test_a_batch_has_no_more_rows_than_one_request_may_have(
    loop: VirtualLoop, workbench: Callable[..., Workbench]
) -> None:
    """But a request is never cut."""
    one = workbench(max_rows=4)
    one.submit(Job(loop), *[Job(loop, rows) for rows in (3, 1, 2, 4)])
    for _ in range(4):
        loop.go_on()
        one.reply()
    assert [batch.rows for batch in one.lanes[0].sent] == [1, 4, 2, 4]


def test_a_batch_is_as_long_as_the_pace_allows(
    loop: VirtualLoop, workbench: Callable[..., Workbench]
) -> None:
    """A slow model's batches are short, so that the next one does not wait for long."""
    one = workbench()
    for _ in range(100):  # the pace is a running mean
        one.submit(Job(loop))
        one.reply(seconds=BATCH_TARGET_S / 4)
    one.submit(*[Job(loop) for _ in range(10)])
    one.reply(seconds=BATCH_TARGET_S / 4)
    assert one.lanes[0].sent[-1].rows == pytest.approx(4, abs=1)


def test_a_request_is_answered_at_its_deadline(
    loop: VirtualLoop, workbench: Callable[..., Workbench]
) -> None:
    """Whether it waits in the queue or at a worker, and not much later; then nothing more reaches it."""
    one = workbench()
    at_work, waiting = Job(loop, timeout_s=1.0), Job(loop, timeout_s=0.5)
    one.submit(at_work, waiting)
    loop.go_on(2)
    for job in (at_work, waiting):
        assert isinstance(job.error, DeadlineError)
        assert job.answered_at is not None
        assert 0 <= job.answered_at - job.deadline <= SWEEP_S + 1e-6
    assert len(one.pending) == 0
    one.reply()  # too late: nobody is answered twice
    assert one.batches == [1]
    assert len(one.lanes[0].sent) == 1  # nor is what expired ever sent


def test_a_worker_may_say_that_a_batch_is_too_late_or_failed(
    loop: VirtualLoop, workbench: Callable[..., Workbench]
) -> None:
    """504 for what expired on its way, 500 for what the model failed on; the next batch goes on."""
    one = workbench()
    for status, error in ((Status.EXPIRED, DeadlineError), (Status.FAILED, InternalError)):
        job, following = Job(loop), Job(loop)
        one.submit(job, following)
        one.reply(status=status)
        assert isinstance(job.error, error)
        one.reply()
        assert following.scores == [0.0]


def test_a_lost_batch_is_sent_again_before_any_other(
    loop: VirtualLoop, workbench: Callable[..., Workbench]
) -> None:
    """Scoring is pure; nobody notices the death."""
    one = workbench()
    first, second = Job(loop), Job(loop)
    one.submit(first, second)
    one.die()
    assert [batch.jobs for batch in one.lanes[0].sent] == [[first], [first]]
    one.reply()
    one.reply()
    assert first.scores == second.scores == [0.0]


def test_a_batch_that_workers_die_on_is_given_up(
    loop: VirtualLoop, workbench: Callable[..., Workbench]
) -> None:
    """It must not take every worker with it."""
    one = workbench()
    poison, good = Job(loop), Job(loop)
    one.submit(poison, good)
    for _ in range(MAX_ATTEMPTS):
        assert poison.error is None
        one.die()
    assert isinstance(poison.error, InternalError)
    one.reply()
    assert good.scores == [0.0]


def test_a_lost_batch_that_nobody_waits_for_is_not_sent_again(
    loop: VirtualLoop, workbench: Callable[..., Workbench]
) -> None:
    """Its clients went away, or their time is over."""
    one = workbench()
    gone, other = Job(loop), Job(loop)
    one.submit(gone, other)
    gone.live = False
    one.batcher.forget(gone)
    one.die()
    assert [batch.jobs for batch in one.lanes[0].sent] == [[gone], [other]]


def test_a_client_that_left_is_not_scored(loop: VirtualLoop, workbench: Callable[..., Workbench]) -> None:
    """Its place is free at once."""
    one = workbench()
    first, gone, last = Job(loop), Job(loop), Job(loop)
    one.submit(first, gone, last)
    gone.live = False
    one.batcher.forget(gone)
    assert len(one.pending) == 2
    one.reply()
    assert one.lanes[0].sent[-1].jobs == [last]


def test_the_wait_is_told_by_the_pace_last_seen(
    loop: VirtualLoop, workbench: Callable[..., Workbench]
) -> None:
    """Of what stands in the queue; what is at work is not in it."""
    one = workbench()
    assert one.batcher.expected_wait_s() == 0
    for _ in range(100):
        one.submit(Job(loop))
        one.reply(seconds=0.5)
    one.submit(*[Job(loop) for _ in range(5)])
    assert one.batcher.expected_wait_s() == pytest.approx(2, rel=0.01)


def test_lanes_are_looked_at_while_anything_is_pending_and_no_longer(
    loop: VirtualLoop, workbench: Callable[..., Workbench]
) -> None:
    """A worker that is stuck is found; an idle process has no timer."""
    one = workbench()
    one.submit(Job(loop, timeout_s=0.1))
    loop.go_on(0.05)
    assert one.lanes[0].looked_at >= 2
    loop.go_on(0.2)
    one.reply()
    loop.go_on(0.1)
    before = one.lanes[0].looked_at
    loop.go_on(5)
    assert one.lanes[0].looked_at == before


def test_who_stood_still_blames_no_worker(loop: VirtualLoop, workbench: Callable[..., Workbench]) -> None:
    """After a stop of this process its own clock says nothing of the workers'."""
    one = workbench()
    one.submit(Job(loop, timeout_s=60))
    loop.go_on(0.1)
    before = one.lanes[0].looked_at
    loop.now += 5
    loop.go_on(SWEEP_S / 2)
    assert one.lanes[0].looked_at == before
    loop.go_on(0.1)
    assert one.lanes[0].looked_at > before


def test_an_overdue_queue_is_dropped_while_no_worker_takes_it(
    loop: VirtualLoop, workbench: Callable[..., Workbench]
) -> None:
    """It would hold memory, and look like work to the admission."""
    one = workbench()
    one.lanes[0].free = False
    one.submit(*[Job(loop, timeout_s=0.5) for _ in range(100)])
    loop.go_on(1)
    assert len(one.pending) == 0
    assert one.batcher.expected_wait_s() == 0
    late = Job(loop)
    one.submit(late)
    one.lanes[0].free = True
    one.batcher.dispatch()
    assert one.lanes[0].sent[-1].jobs == [late]


def test_what_waits_for_several_versions_leaves_in_one_write(
    loop: VirtualLoop, workbench: Callable[..., Workbench]
) -> None:
    """A frame each, and each request gets its own version's results."""
    one = workbench()
    queues = [make_queue(digit * 64) for digit in "123"]
    one.submit(Job(loop))
    jobs = [Job(loop, rows) for rows in (1, 2, 3)]
    for job, queue in zip(jobs, queues, strict=True):
        one.submit(job, queue=queue)
    one.submit(more := Job(loop), queue=queues[0])
    one.reply()
    assert [batch.queue for batch in one.lanes[0].writes[1]] == queues
    one.reply()
    assert [job.scores for job in (*jobs, more)] == [[0.0], [0.0, 1.0], [0.0, 1.0, 2.0], [1.0]]
    assert [queue.counts.scored for queue in queues] == [2, 1, 1]


def test_each_version_has_a_limit_and_a_pace_of_its_own(
    loop: VirtualLoop, workbench: Callable[..., Workbench]
) -> None:
    """A slow one's batches are short, and the quick one's as long as may be."""
    one = workbench(max_rows=8)
    quick, slow = make_queue("1" * 64), make_queue("2" * 64)
    for _ in range(100):  # the pace is a running mean
        one.submit(Job(loop), queue=slow)
        one.reply(seconds=BATCH_TARGET_S / 4)
    assert slow.seconds_a_row == pytest.approx(BATCH_TARGET_S / 4, rel=0.01)
    assert quick.seconds_a_row == 0
    one.submit(Job(loop))
    for queue in (quick, slow):
        one.submit(*[Job(loop) for _ in range(10)], queue=queue)
    one.reply()
    found = {batch.queue: batch.rows for batch in one.lanes[0].writes[-1]}
    assert found[quick] == 8
    assert found[slow] <= 2


def test_versions_share_the_time_that_a_write_may_take(
    loop: VirtualLoop, workbench: Callable[..., Workbench]
) -> None:
    """Together they hold up the next one no longer than a single one would; each has one request at least."""
    one = workbench()
    queues = [make_queue(digit * 64) for digit in "1234"]
    for queue in queues:
        queue.seconds_a_row = BATCH_TARGET_S / 20
    queues[3].seconds_a_row = BATCH_TARGET_S
    one.submit(Job(loop))
    for queue in queues:
        one.submit(*[Job(loop) for _ in range(20)], queue=queue)
    one.reply()
    assert [batch.rows for batch in one.lanes[0].writes[-1]] == [5, 5, 5, 1]


def test_what_did_not_fit_waits_its_turn(loop: VirtualLoop, workbench: Callable[..., Workbench]) -> None:
    """And the wait that is told is that of all versions together."""
    one = workbench(max_rows=2)
    queues = [make_queue(digit * 64) for digit in "12"]
    one.submit(Job(loop))
    for queue in queues:
        queue.seconds_a_row = 0.001
        one.submit(*[Job(loop) for _ in range(3)], queue=queue)
    assert one.batcher.expected_wait_s() == pytest.approx(0.006)
    for _ in range(3):
        one.reply(seconds=0.001)
    written = [[batch.rows for batch in batches] for batches in one.lanes[0].writes]
    assert written == [[1], [2, 2], [1, 1]]
    assert one.batcher.expected_wait_s() == 0


def test_an_innocent_batch_is_not_sent_again_with_a_poisonous_one(
    loop: VirtualLoop, workbench: Callable[..., Workbench]
) -> None:
    """Which version a worker died of nobody knows: each batch that it held is tried again alone."""
    one = workbench()
    poison, good = make_queue("1" * 64), make_queue("2" * 64)
    one.submit(Job(loop))
    one.submit(killer := Job(loop), queue=poison)
    one.submit(innocent := Job(loop), queue=good)
    one.reply()
    one.die()  # with both
    one.die()  # of the poisonous one, which is tried first
    one.reply()
    assert innocent.scores == [0.0]
    one.die()
    assert isinstance(killer.error, InternalError)
    alone = [[batch.queue for batch in batches] for batches in one.lanes[0].writes[2:]]
    assert alone == [[poison], [good], [poison]]


def test_failures_count_with_their_version(loop: VirtualLoop, workbench: Callable[..., Workbench]) -> None:
    """What the model failed on, and what expired."""
    one, other = workbench(), make_queue("1" * 64)
    one.submit(Job(loop), queue=other)
    one.reply(status=Status.FAILED)
    one.submit(Job(loop, timeout_s=0.1), queue=other)
    loop.go_on(1)
    assert (other.counts.failed, other.counts.scored) == (2, 0)
    assert (one.queue.counts.failed, one.queue.counts.scored) == (0, 0)
