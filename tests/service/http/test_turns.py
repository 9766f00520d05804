"""What becomes of one request on its connection."""

from collections.abc import Callable

from tests.service.http.peer import GET, Peer, post


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
