"""The listening socket: any address of this machine, and one line for every other."""

import errno
import os
import socket
import subprocess
import sys
from typing import Any

import pytest

from service.errors import StartError
from service.host.listener import bind

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="network namespaces are Linux's")


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
