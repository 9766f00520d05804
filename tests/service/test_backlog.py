"""The queue of the listening socket: who was let in before it closes is kept."""

import os
import socket
import sys
from collections.abc import Iterator

import pytest

from service.backlog import let_in, turn_away, waiting
from service.host.listener import bind

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's check is Linux's")


NOBODY = 65534


@pytest.fixture(params=["127.0.0.1", "::1"])
def listener(request: pytest.FixtureRequest) -> Iterator[socket.socket]:
    """A listening socket of a process without privileges, as in a container."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    with bind(request.param, 0) as listener:
        listener.listen()
        yield listener
    os.seteuid(user)


def test_who_is_in_stays_and_nobody_new_comes_in(listener: socket.socket) -> None:
    """After `turn_away` the queue can be accepted and spoken to, and a new client does not get through."""
    address = listener.getsockname()[:2]
    assert waiting(listener) == 0
    with socket.create_connection(address) as first:
        first.sendall(b"early")
        assert waiting(listener) == 1
        turn_away(listener)
        with pytest.raises(TimeoutError):
            socket.create_connection(address, timeout=0.3)
        accepted, _ = listener.accept()
        assert waiting(listener) == 0
        with accepted:
            assert accepted.recv(9) == b"early"
            first.sendall(b"late")
            assert accepted.recv(9) == b"late"
    listener.setblocking(False)
    with pytest.raises(BlockingIOError):
        listener.accept()


def test_who_came_in_while_it_closed_is_heard(listener: socket.socket) -> None:
    """A connection that was completed after `turn_away` inherits its deafness, until it is let in."""
    version = listener.family == socket.AF_INET6
    ttl = (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS) if version else (socket.IPPROTO_IP, socket.IP_TTL)
    turn_away(listener)
    with socket.socket(listener.family) as client:
        client.setsockopt(*ttl, 255)  # so it gets through, as one whose handshake had begun
        client.connect(listener.getsockname()[:2])
        client.setsockopt(*ttl, 64)
        accepted, _ = listener.accept()
        with accepted:
            client.sendall(b"late")
            accepted.settimeout(0.1)
            with pytest.raises(TimeoutError):
                accepted.recv(9)
            let_in(accepted.fileno())
            accepted.settimeout(30)
            assert accepted.recv(9) == b"late"


def test_a_kernel_that_turns_nobody_away_closes_without_it() -> None:
    """As gVisor's: a socket without the option stands for it."""
    with socket.socket(socket.AF_UNIX) as listener:
        turn_away(listener)
        let_in(listener.fileno())
        assert waiting(listener) == 0
