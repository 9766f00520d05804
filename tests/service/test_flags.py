"""The flags: each its own, and a mark is taken once."""

from service.flags import Flags


def test_a_mark_is_taken_once() -> None:
    """So that one death of a worker is told once."""
    flags = Flags(2)
    for mark, take in ((flags.mark_greeted, flags.take_greeted), (flags.mark_stuck, flags.take_stuck)):
        assert not take(1)
        mark(1)
        mark(1)
        assert take(1)
        assert not take(1)


def test_no_flag_is_anothers() -> None:
    """Of the drain and of each worker's two, each is seen where it was set and nowhere else."""
    flags = Flags(2)
    assert not flags.draining()
    flags.start_draining()
    assert flags.draining()
    assert not any(take(worker) for take in (flags.take_greeted, flags.take_stuck) for worker in (0, 1))
    flags = Flags(2)
    marks = [flags.mark_greeted, flags.mark_stuck]
    takes = [flags.take_greeted, flags.take_stuck]
    for kind, mark in enumerate(marks):
        for worker in (0, 1):
            mark(worker)
            found = [(other, slot) for other, take in enumerate(takes) for slot in (0, 1) if take(slot)]
            assert found == [(kind, worker)]
    assert not flags.draining()
