"""The listening socket: who was let in before it closes is kept."""

import socket
import sys

import pytest

from service.listener import bind, turn_away, waiting

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's filter is Linux's")


def test_who_is_in_stays_and_nobody_new_comes_in() -> None:
    """After `turn_away` the queue can be accepted and spoken to, and a new client does not get through."""
    with bind("127.0.0.1", 0) as listener:
        listener.listen()
        assert waiting(listener) == 0
        with socket.create_connection(listener.getsockname()) as first:
            first.sendall(b"early")
            assert waiting(listener) == 1
            turn_away(listener)
            with pytest.raises(TimeoutError):
                socket.create_connection(listener.getsockname(), timeout=0.3)
            accepted, _ = listener.accept()
            assert waiting(listener) == 0
            with accepted:
                assert accepted.recv(9) == b"early"
                first.sendall(b"late")
                assert accepted.recv(9) == b"late"
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()
