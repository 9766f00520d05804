"""What is read of a connection's bytes, and what is refused."""

from collections.abc import Callable

from tests.service.http.peer import Peer


def test_a_refusal_in_the_middle_of_a_body_is_the_requests_own_answer(connect: Callable[..., Peer]) -> None:
    """It is answered once."""
    peer = connect(max_body_bytes=100)
    chunk = b"80\r\n" + bytes(128) + b"\r\n"
    peer.send(b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk + b"0\r\n\r\n")
    assert [status for status, _ in peer.answers] == [413]
    assert peer.counted == [("/echo", 413)]
