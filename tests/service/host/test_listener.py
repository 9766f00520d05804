"""The listening socket: who was let in before it closes is kept."""

import errno
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from service.errors import StartError
from service.host.listener import bind
from service.http.backlog import let_in, turn_away, waiting

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


def run_apart(prepare: str, code: str) -> subprocess.CompletedProcess[str]:
    """Run Python code in a network namespace of its own, in which a shell has run `prepare`."""
    apart = ["unshare", "--net"]
    if subprocess.run([*apart, "true"], check=False, capture_output=True).returncode:
        pytest.skip("no network namespace here")
    shell = ["sh", "-c", f'{prepare} && ip link set lo up && exec "$@"', "sh"]
    return subprocess.run(
        [*apart, *shell, sys.executable, "-c", code], capture_output=True, text=True, check=True
    )


def test_both_families_are_listened_on() -> None:
    """`::` is every address, whatever the system's default is."""
    with bind("::", 0) as listener:
        listener.listen()
        for address in ("127.0.0.1", "::1"):
            socket.create_connection((address, listener.getsockname()[1]), timeout=30).close()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.2", "::1", socket.gethostname()])
def test_any_address_or_name_of_this_machine_is_taken(host: str) -> None:
    """Not only the usual ones."""
    with bind(host, 0) as listener:
        listener.listen()
        socket.create_connection(listener.getsockname()[:2], timeout=30).close()


@pytest.mark.parametrize(
    "host", ["192.0.2.1", "2001:db8::1", "nowhere.invalid", "a b", "1.2.3.4.5", "x" * 300]
)
def test_what_is_not_this_machines_is_one_line(host: str) -> None:
    """It names the address."""
    with pytest.raises(StartError) as raised:
        bind(host, 0)
    assert host in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_kernel_that_turns_nobody_away_closes_without_it() -> None:
    """As gVisor's: a socket without the option stands for it."""
    with socket.socket(socket.AF_UNIX) as listener:
        turn_away(listener)
        let_in(listener.fileno())
        assert waiting(listener) == 0


def test_a_host_without_ipv6_is_one_line() -> None:
    """In a network namespace where it is switched off; IPv4 is listened on all the same."""
    code = """
from service.errors import StartError
from service.host.listener import bind
bind("127.0.0.1", 8000).close()
try:
    bind("::1", 8000)
except StartError as error:
    print(error)
"""
    found = run_apart("echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6", code)
    assert found.stdout.startswith("SERVICE_PORT=8000: cannot listen on ::1: ")
    assert found.stdout.count("\n") == 1
    assert found.stderr == ""


def test_a_kernel_without_ipv6_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which makes no such socket at all."""

    class Refusing(socket.socket):
        def __init__(self, family: int = -1, *more: Any, **named: Any) -> None:
            if family == socket.AF_INET6:
                raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))
            super().__init__(family, *more, **named)

    monkeypatch.setattr(socket, "socket", Refusing)
    with pytest.raises(StartError) as raised:
        bind("::", 0)
    assert str(raised.value) == f"SERVICE_HOST=::: {os.strerror(errno.EAFNOSUPPORT)}"
    bind("127.0.0.1", 0).close()


def test_both_families_are_listened_on_where_the_system_keeps_them_apart() -> None:
    """`net.ipv6.bindv6only` is a default that is not asked."""
    code = """
import socket
from service.host.listener import bind
with bind("::", 8000) as listener:
    listener.listen()
    for address in ("127.0.0.1", "::1"):
        socket.create_connection((address, 8000), timeout=30).close()
        print(address)
"""
    found = run_apart("echo 1 > /proc/sys/net/ipv6/bindv6only", code)
    assert found.stdout == "127.0.0.1\n::1\n"
    assert found.stderr == ""


def test_a_port_under_1024_is_bound_where_the_system_allows_it() -> None:
    """By root, or whoever else may."""
    code = """
from service.host.listener import bind
print(bind("127.0.0.1", 80).getsockname())
"""
    assert run_apart("true", code).stdout == "('127.0.0.1', 80)\n"
