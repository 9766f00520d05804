"""A connection's turns: pipelining, refusals, time limits and the end, over a fake transport."""

import json
from collections.abc import Callable

import pytest
from uvicorn.server import ServerState

from service.http.connection import GRACE_S, LINGER_S, Connection
from tests.service.http.peer import GET, Peer, Transport, post


def test_pipelined_requests_are_answered_in_order(connect: Callable[..., Peer]) -> None:
    """Of either kind, whichever is ready first."""
    peer = connect()
    peer.send(GET + post(b"now") + GET + post(b"later"))
    assert peer.answers == []
    peer.release.set()
    peer.loop.go_on()
    assert [body for _, body in peer.answers] == [b"slow", b"now", b"slow"]
    peer.score()
    assert [body for _, body in peer.answers] == [b"slow", b"now", b"slow", b"later"]
    assert peer.transport.ended is None


def test_reading_stops_while_more_than_one_waits(connect: Callable[..., Peer]) -> None:
    """A client that does not read its answers cannot fill the memory with requests."""
    peer = connect()
    peer.send(post(b"1"))
    assert peer.transport.reading
    peer.send(post(b"2"))
    assert not peer.transport.reading
    peer.score()
    assert peer.transport.reading
    peer.score()
    assert peer.transport.reading


def test_many_answers_that_come_at_once_do_not_pile_up_calls(connect: Callable[..., Peer]) -> None:
    """Thousands in one read are a loop, not a recursion."""
    peer = connect()
    peer.send(post(b"now") * 5000)
    assert peer.answers == [(200, b"now")] * 5000


def test_what_cannot_be_read_is_refused_after_the_answers_before_it(connect: Callable[..., Peer]) -> None:
    """Then the connection ends: what follows cannot be trusted."""
    peer = connect()
    peer.send(post(b"1") + b"nonsense\r\n\r\n" + post(b"now"))
    assert peer.answers == []
    peer.score()
    assert [status for status, _ in peer.answers] == [200, 400]
    assert peer.transport.ended == "eof"
    peer.send(post(b"now"))  # still read, so that the refusal is not reset, and dropped
    assert len(peer.answers) == 2
    peer.look(LINGER_S + 1)
    assert peer.transport.ended == "closed"


@pytest.mark.parametrize("sent", [b"GET /slow HT", post(b"12345678")[:-4]], ids=["head", "body"])
def test_what_does_not_arrive_in_time_is_refused(connect: Callable[..., Peer], sent: bytes) -> None:
    """Counted from its first byte, however much trickles in."""
    peer = connect(receive_timeout_s=10)
    peer.send(sent[:-1])
    peer.look(6)
    peer.send(sent[-1:])
    assert peer.answers == []
    peer.look(5)
    assert [status for status, _ in peer.answers] == [408]
    assert peer.transport.ended == "eof"


def test_the_time_that_an_answer_takes_is_not_the_clients(connect: Callable[..., Peer]) -> None:
    """A request that has arrived is never too slow, nor is its connection idle."""
    peer = connect(receive_timeout_s=1, keep_alive_s=1)
    peer.send(post(b"1"))
    peer.look(100)
    assert peer.transport.ended is None
    peer.score()
    assert peer.answers == [(200, b"1")]


def test_an_idle_connection_ends(connect: Callable[..., Peer]) -> None:
    """So long after its last answer, and not before."""
    peer = connect(keep_alive_s=75)
    peer.send(post(b"now"))
    peer.look(74)
    assert peer.transport.ended is None
    peer.look(2)
    assert peer.transport.ended == "closed"


def test_who_does_not_read_is_cut_off(connect: Callable[..., Peer]) -> None:
    """Without another word: it would not be read either."""
    peer = connect(receive_timeout_s=10)
    peer.send(post(b"now"))
    peer.transport.unread = 1000
    peer.look(9)
    assert peer.transport.ended is None
    peer.look(2)
    assert peer.transport.ended == "aborted"


def test_at_the_end_what_waits_is_answered_and_what_is_idle_closed(connect: Callable[..., Peer]) -> None:
    """An idle connection a moment later: a request may be on its way."""
    idle, busy = connect(), connect()
    busy.send(post(b"1"))
    for peer in (idle, busy):
        peer.protocol.shutdown()
    assert idle.transport.ended is None
    idle.loop.go_on(GRACE_S + 0.1)
    assert idle.transport.ended == "closed"
    assert busy.transport.ended is None
    busy.score()
    assert busy.answers == [(200, b"1")]
    assert busy.transport.ended == "closed"


def test_one_connection_too_many_is_told_so(connect: Callable[..., Peer]) -> None:
    """It keeps no descriptor."""
    peer = connect(max_connections=1)
    more = Connection(peer.protocol.config, ServerState(), {"edge": peer.edge}, _loop=peer.loop)
    refused = Transport()
    more.connection_made(refused)
    head, _, body = refused.written.partition(b"\r\n\r\n")
    assert b" 503 " in head
    assert b"retry-after" in head
    assert json.loads(body)["code"] == "overloaded"
    assert refused.ended == "closed"


def test_a_client_that_waits_to_be_told_is_told_once(connect: Callable[..., Peer]) -> None:
    """Not while an answer before it is out: it would come in between."""
    peer = connect()
    asks = post(b"12", b"Expect: 100-continue")
    peer.send(asks[:-2])
    assert peer.transport.written == b"HTTP/1.1 100 Continue\r\n\r\n"
    peer.send(asks[-2:])
    peer.send(asks)
    peer.score()
    peer.score()
    assert peer.transport.written.count(b"100 Continue") == 1
    assert peer.answers == [(200, b"12")] * 2
