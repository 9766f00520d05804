"""One frame's requests."""

import struct
from collections.abc import Callable

from service.plane.batch import Batch
from service.wire import frames
from tests.service.plane.workbench import DIGEST, Job, Workbench, make_queue
from tests.service.virtual_time import VirtualLoop


def test_the_frame_names_the_model_and_the_last_deadline(
    loop: VirtualLoop, workbench: Callable[..., Workbench]
) -> None:
    """Rows in order, the flag when anyone asks for explanations; who left meanwhile is not in it."""
    one = workbench()
    jobs = [Job(loop, 2, 5.0), Job(loop, 1, 7.0, explain=True), Job(loop, 3, 9.0)]
    jobs[2].live = False
    batch = Batch(7, list(jobs), one.queue, one.batcher)
    [(fields, payload)] = frames.Stream(frames.REQUEST).feed(batch.frame())
    size, number, digest, deadline, rows, columns, flags = fields
    assert (size, number, digest) == (12, 7, bytes.fromhex(DIGEST))
    assert (deadline, rows, columns, flags) == (loop.now + 7, 3, 1, frames.FLAG_EXPLAIN)
    assert struct.unpack("<3f", payload) == (0.0, 1.0, 0.0)


def test_a_frame_is_of_the_queues_version(loop: VirtualLoop, workbench: Callable[..., Workbench]) -> None:
    """Which a worker knows by its digest."""
    one, other = workbench(), make_queue("cd" * 32)
    one.submit(Job(loop), queue=other)
    [(fields, _)] = frames.Stream(frames.REQUEST).feed(one.lanes[0].sent[0].frame())
    assert fields[2] == other.digest
