"""What becomes of one request on its connection."""

from collections.abc import Callable

import pytest

from service.errors import NoSuchModelError
from service.plane.call import Way
from tests.service.http.peer import GET, Peer, post
from tests.service.plane.workbench import make_queue


def test_a_wrong_request_is_answered_in_its_turn_and_the_next_goes_on(connect: Callable[..., Peer]) -> None:
    """What its rows are wrong in does not end a connection."""
    peer = connect()
    peer.send(post(b"1") + post(b"wrong") + post(b"now"))
    assert peer.answers == []
    peer.score()
    assert [status for status, _ in peer.answers] == [200, 422, 200]
    assert peer.counted == [("/echo", 200), ("/echo", 422), ("/echo", 200)]


def test_who_leaves_is_scored_no_more(connect: Callable[..., Peer]) -> None:
    """Each of its requests is forgotten; what comes for it later is nobody's."""
    peer = connect()
    peer.send(post(b"1") + post(b"2") + GET)
    peer.protocol.connection_lost(None)
    [waiting] = peer.queue.waiting
    assert waiting in peer.queue.forgotten
    assert peer.cancelled == 2
    peer.score()
    assert peer.transport.written == b""


def test_in_the_drain_answers_end_their_connection(connect: Callable[..., Peer]) -> None:
    """What is on its way is answered; nothing after it."""
    peer = connect()
    peer.draining = True
    peer.send(post(b"now"))
    assert peer.answers == [(200, b"now")]
    assert b"connection: close" in peer.transport.written
    assert peer.transport.ended == "closed"


@pytest.mark.parametrize(
    ("wanted", "left_s"), [(b"2500", 2.5), (b"9999", 9.999), (b"10000", 10), (b"999999999", 10)]
)
def test_a_client_may_shorten_its_time_and_not_lengthen_it(
    connect: Callable[..., Peer], wanted: bytes, left_s: float
) -> None:
    """It counts from the request's first byte."""
    peer = connect(timeout_s=10)
    began = peer.loop.now
    request = post(b"1", b"X-Request-Timeout-Ms: " + wanted)
    peer.send(request[:-1])
    peer.loop.now += 1
    peer.send(request[-1:])
    [call] = peer.queue.waiting
    assert call.deadline == pytest.approx(began + left_s)


@pytest.mark.parametrize("wanted", [b"0", b"-1", b"1.5", b"", b"5s", b"9999999999"])
def test_a_time_that_is_none_is_refused(connect: Callable[..., Peer], wanted: bytes) -> None:
    """With a sentence that names the header; the connection goes on."""
    peer = connect()
    peer.send(post(b"1", b"X-Request-Timeout-Ms: " + wanted) + post(b"now"))
    [(status, body), after] = peer.answers
    assert (status, after) == (422, (200, b"now"))
    assert b"X-Request-Timeout-Ms: wanted a whole number of milliseconds" in body


def test_a_bug_is_logged_and_not_told(connect: Callable[..., Peer], caplog: pytest.LogCaptureFixture) -> None:
    """The connection goes on."""
    peer = connect()

    def fail(_: object) -> None:
        raise ZeroDivisionError("secret")

    good = peer.way
    peer.way = good._replace(decode=fail)
    peer.send(post(b"1"))
    peer.way = good
    peer.send(post(b"now"))
    [(status, body), after] = peer.answers
    assert (status, after) == (500, (200, b"now"))
    assert b"secret" not in body
    assert len([record for record in caplog.records if record.exc_info]) == 1


def test_a_request_gets_its_version_when_it_is_complete(connect: Callable[..., Peer]) -> None:
    """Not with its head: another may be committed while its body arrives."""
    peer = connect()
    head, _, body = post(b"12").partition(b"\r\n\r\n")
    peer.send(head + b"\r\n\r\n" + body[:1])
    before, peer.way = peer.way, Way(make_queue(), peer.way.decode)
    peer.send(body[1:])
    [call] = peer.queue.waiting
    assert call.queue is peer.way.queue
    assert call.queue is not before.queue


def test_a_version_that_does_not_answer_is_the_requests_error(connect: Callable[..., Peer]) -> None:
    """The connection goes on."""
    peer = connect()

    def find() -> Way:
        raise NoSuchModelError

    peer.edge.routes.paths[b"/echo"] = peer.edge.routes.paths[b"/echo"]._replace(find=find)
    peer.send(post(b"1"), post(b"2"))
    assert [status for status, _ in peer.answers] == [404, 404]
