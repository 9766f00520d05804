"""What main and the librarian tell each other arrives whole, and main waits for none of it."""

import contextlib
from collections.abc import Iterator

import pytest

from service.library.desk import MOST_BYTES, Answer, Desk, Inside, Request, desk
from service.library.table import Offer, Refused, Served

OFFER = Offer(
    (Served("tiny", 3, "a" * 64),),
    (Refused("wine", None, None, "missing", "store/wine: not in the store"),),
)

Ends = tuple[Desk, Inside]


@pytest.fixture
def ends() -> Iterator[Ends]:
    outside, inside = desk()
    with contextlib.closing(outside), contextlib.closing(inside):
        yield outside, inside


def test_each_hears_what_the_other_says(ends: Ends) -> None:
    """In its order; a request comes back with its answer, as it was."""
    outside, inside = ends
    requests: list[Request] = [{"load": "tiny", "versions": [1, 3], "id": 7}, {"unload": "wine"}]
    for request in requests:
        outside.ask(request)
    assert inside.take() == requests
    inside.offer(OFFER)
    inside.answer(requests[0], None)
    inside.answer(requests[1], "wine: not loaded")
    assert outside.take() == [OFFER, Answer(requests[0], None), Answer(requests[1], "wine: not loaded")]
    assert outside.take() == inside.take() == []


def test_half_a_message_is_kept_until_the_rest_has_come(ends: Ends) -> None:
    """Main has something else to do meanwhile."""
    outside, inside = ends
    inside.offer(OFFER)
    line = outside._socket.recv(4096)
    inside._socket.sendall(line + line[:20])
    assert outside.take() == [OFFER]
    assert outside.take() == []
    inside._socket.sendall(line[20:])
    assert outside.take() == [OFFER]


def test_who_is_gone_is_missed_after_the_last_word(ends: Ends) -> None:
    """Nothing can be asked of it."""
    outside, inside = ends
    inside.offer(OFFER)
    inside.close()
    assert outside.take() == [OFFER]
    with pytest.raises(EOFError):
        outside.take()
    with pytest.raises(BrokenPipeError):
        outside.ask({"unload": "tiny"})


def test_a_librarian_hears_that_main_is_gone(ends: Ends) -> None:
    """It has no reason to go on."""
    outside, inside = ends
    outside.ask({"unload": "tiny"})
    outside.close()
    assert inside.take() == [{"unload": "tiny"}]
    with pytest.raises(EOFError):
        inside.take()


def test_a_librarian_that_takes_nothing_does_not_hold_main_up(ends: Ends) -> None:
    """What is refused is refused as a whole: what was taken arrives, and later requests do."""
    outside, inside = ends
    asked = 0
    with contextlib.suppress(BlockingIOError):
        for asked in range(1000):
            outside.ask({"load": "x" * 8000, "id": asked})
    assert 0 < asked < 999
    heard: list[Request] = []
    while len(heard) < asked:
        heard += inside.take()
    outside.ask({"unload": "tiny"})
    assert [each.get("id") for each in heard + inside.take()] == [*range(asked), None]


def test_a_request_that_might_be_sent_in_part_is_not_sent(ends: Ends) -> None:
    """It would be read as a part of the next one."""
    outside, inside = ends
    with pytest.raises(ValueError, match=f"more than {MOST_BYTES}$"):
        outside.ask({"load": "x" * MOST_BYTES})
    assert inside.take() == []
