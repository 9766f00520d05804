"""What is read of a connection's bytes, and what is refused."""

from collections.abc import Callable

import pytest

from service.http.head import MAX_HEAD_BYTES, MAX_HEADERS, MAX_URL_BYTES
from tests.service.http.peer import Peer, post


def test_a_refusal_in_the_middle_of_a_body_is_the_requests_own_answer(connect: Callable[..., Peer]) -> None:
    """It is answered once."""
    peer = connect(max_body_bytes=100)
    chunk = b"80\r\n" + bytes(128) + b"\r\n"
    peer.send(b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk + b"0\r\n\r\n")
    assert [status for status, _ in peer.answers] == [413]
    assert peer.counted == [("/echo", 413)]


def statuses(peer: Peer) -> list[int]:
    """Return the statuses of the answers so far."""
    return [status for status, _ in peer.answers]


def in_pieces(sent: bytes, size: int) -> list[bytes]:
    """Cut what is sent."""
    return [sent[start : start + size] for start in range(0, len(sent), size)]


LONG_HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n" + b"".join([b"a%d: %b\r\n" % (n, b"b" * 997) for n in range(33)])
MANY_CHUNKS = b"1\r\nx\r\n" * 10_000
CHUNKED = b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("size", [1 << 20, 20_000, 1000])
@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /" + b"u" * MAX_URL_BYTES + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (LONG_HEAD + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"a: b\r\n" * MAX_HEADERS + b"\r\n", 431),
        (CHUNKED + b"0\r\n" + b"a: b\r\n" * (MAX_HEADERS + 1) + b"\r\n", 431),
        (CHUNKED + b"0\r\na: " + b"b" * MAX_HEAD_BYTES + b"\r\n\r\n", 431),
        (CHUNKED + b"0\r\nContent-Length: 5\r\n\r\n", 400),
        (CHUNKED + b"0\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (CHUNKED + b"0\r\nConnection: close\r\n\r\n", 400),
        (CHUNKED.replace(b"chunked", b"gzip, chunked") + b"0\r\n\r\n", 400),
        (post(b"x" * 101), 413),
        (CHUNKED + b"80\r\n" + bytes(128) + b"\r\n0\r\n\r\n", 413),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.2\r\nHost: x\r\n\r\n", 505),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        (b"GET / RTSP/1.0\r\nHost: x\r\n\r\n", 505),
        (b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n", 405),
        (post(b"1", b"Content-Length: 1"), 400),
        (post(b"now", b"Host: x"), 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    ],
    ids=lambda value: repr(value)[2:60],
)
def test_what_cannot_be_read_or_is_too_much_ends_the_connection(
    connect: Callable[..., Peer], sent: bytes, status: int, size: int
) -> None:
    """With one answer, and none to what comes after it; in whatever pieces it came, and from a known host."""
    peer = connect(max_body_bytes=100)
    peer.send(post(b"now"), *in_pieces(sent + post(b"now"), size))
    assert statuses(peer) == [200, status]
    assert b"connection: close" in peer.transport.written
    assert peer.transport.ended == "eof"
    assert peer.queue.waiting == []


@pytest.mark.parametrize(
    "sent",
    [
        LONG_HEAD + b"c: " + b"d" * 2000,
        CHUNKED + b"1;" + b"e" * (MAX_HEAD_BYTES + 2000),
        CHUNKED + b"0\r\na: " + b"b" * 35_000,
    ],
    ids=["a head", "an extension", "a trailer"],
)
def test_what_has_no_end_is_refused_when_it_is_too_long(connect: Callable[..., Peer], sent: bytes) -> None:
    """It need not be whole; but for one read nothing tells how much of it is what."""
    peer = connect()
    peer.send(*in_pieces(sent, 1000))
    assert statuses(peer) == [431]


@pytest.mark.parametrize("size", [1 << 20, 7, 1])
@pytest.mark.parametrize(
    ("sent", "body"),
    [
        (CHUNKED + b"2\r\nno\r\n1;ext=1\r\nw\r\n0\r\n\r\n", b"now"),
        (CHUNKED + b"3\r\nnow\r\n0\r\nExpect: 100-continue\r\nAuthorization: x\r\n\r\n", b"now"),
        (post(b"now", b"Connection: Upgrade", b"Upgrade: h2c"), b"now"),
        (
            CHUNKED[:-2] + b"Connection: upgrade\r\nUpgrade: websocket\r\n\r\n3\r\nnow\r\n0\r\n\r\n",
            b"now",
        ),
        (b"\r\n\r\n" + post(b"now"), b"now"),
        (post(b"now").replace(b"/echo", b"http://x/echo"), b"now"),
        (post(b"now").replace(b"/echo", b"/%65cho?a=b"), b"now"),
    ],
    ids=lambda value: repr(value)[-60:],
)
def test_what_is_unusual_is_read_to_its_end_and_no_further(
    connect: Callable[..., Peer], sent: bytes, body: bytes, size: int
) -> None:
    """Chunks, trailers, an offer to upgrade, another form of the path: the next request is its own."""
    peer = connect()
    peer.send(*in_pieces(sent * 2 + post(b"now", b"X-Request-Id: last"), size))
    assert peer.answers == [(200, body)] * 3
    assert peer.transport.written.count(b"x-request-id: last\r\n") == 1
    assert peer.transport.ended is None


def test_a_body_after_an_offer_to_upgrade_is_no_request(connect: Callable[..., Peer]) -> None:
    """A proxy that shares connections would give its answer to another client."""
    peer = connect()
    smuggled = post(b"now")
    peer.send(post(smuggled, b"Connection: Upgrade", b"Upgrade: h2c"))
    assert peer.answers == []
    peer.score()
    assert peer.answers == [(200, smuggled)]


def test_a_body_may_come_in_small_chunks(connect: Callable[..., Peer]) -> None:
    """What chunks add by themselves is not counted against the limit of what is no body."""
    peer = connect()
    peer.send(*in_pieces(CHUNKED + MANY_CHUNKS + b"0\r\n\r\n", 5000))
    peer.score()
    assert peer.answers == [(200, b"x" * 10_000)]


def test_a_body_that_is_announced_too_large_is_not_waited_for(connect: Callable[..., Peer]) -> None:
    """The refusal comes with the head."""
    peer = connect(max_body_bytes=100)
    peer.send(post(b"x" * 101)[:-101])
    assert statuses(peer) == [413]


def test_a_fragment_is_no_part_of_a_target(connect: Callable[..., Peer]) -> None:
    """Two readers may disagree on what is asked for."""
    peer = connect()
    peer.send(post(b"now").replace(b"/echo", b"/echo#x"))
    assert statuses(peer) == [400]


def test_another_protocol_of_the_same_version_is_refused(connect: Callable[..., Peer]) -> None:
    """The parser reads its number and not its name."""
    peer = connect()
    peer.send(post(b"now"), b"GET / RTSP/1.1\r\nHost: x\r\n\r\n")
    assert statuses(peer) == [200, 505]
