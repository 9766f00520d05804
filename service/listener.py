"""The listening socket: bound before anything is forked, and closed without losing who was let in.

Knows nothing of HTTP, nor of which process accepts.
"""

import logging
import os
import socket
import struct
import sys

from service.errors import StartError

log = logging.getLogger("logitserve")

IP_MINTTL, IPV6_MINHOPCOUNT = 21, 73
HIGHEST_TTL = 255
"""Packets start at 64 or 128 nearly everywhere: the kernel's check against spoofed neighbours (RFC 5082)
drops them, and asks for no privilege, as its packet filters do."""
TCP_INFO_UNACKED = struct.Struct("=24xI")
"""The field of the kernel's `tcp_info` that for a listener counts the connections not yet accepted."""


def bind(host: str, port: int) -> socket.socket:
    """Return a socket bound to the address; it takes connections once an HTTP process listens on it.

    `::` means every address of both families, a name with addresses of both its IPv4 one. Raises
    StartError when the address is taken, not this machine's, or no address at all.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise StartError(f"SERVICE_HOST={host}: {getattr(error, 'strerror', None) or error}") from None
    family, _, _, _, address = min(found, key=lambda each: each[0] == socket.AF_INET6)
    try:
        listener = socket.socket(family)
    except OSError as error:
        raise StartError(f"SERVICE_HOST={host}: {error.strerror}") from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # Whatever the system's default is; another IPv6 address than :: has no IPv4 in it anyway.
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise StartError(f"SERVICE_PORT={port}: cannot listen on {host}: {error.strerror}") from None
    return listener


def turn_away(listener: socket.socket) -> None:
    """Let nobody new in, while who has begun to connect still may: a close would reset them.

    A client that knocks now tries again a second later, and is refused if the socket is closed by then.
    """
    _demand_ttl(listener, HIGHEST_TTL)


def let_in(connection: int) -> None:
    """Listen to a client that was accepted after `turn_away`, from whose listener its socket inherits."""
    with socket.socket(fileno=os.dup(connection)) as accepted:
        _demand_ttl(accepted, 0)


def _demand_ttl(own: socket.socket, least: int) -> None:
    if sys.platform == "linux":
        try:
            own.setsockopt(socket.IPPROTO_IP, IP_MINTTL, least)
            if own.family == socket.AF_INET6:
                own.setsockopt(socket.IPPROTO_IPV6, IPV6_MINHOPCOUNT, least)
        except OSError as error:  # not every kernel has it: gVisor's does not
            log.debug("nobody can be turned away: %s", error)


def waiting(listener: socket.socket) -> int:
    """Return how many connections are established that no process has accepted yet."""
    if sys.platform != "linux":
        return 0
    try:
        info = listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_UNACKED.size)
        [count] = TCP_INFO_UNACKED.unpack(info)
    except (OSError, struct.error) as error:  # as above, or a shorter tcp_info
        log.debug("nobody can be waited for: %s", error)
        return 0
    return int(count)
