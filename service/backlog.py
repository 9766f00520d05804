"""Who waits to be accepted: at the end nobody new is let in, and nobody who was is lost. Knows no HTTP."""

import logging
import os
import socket
import struct
import sys

log = logging.getLogger("logitserve")

IP_MINTTL, IPV6_MINHOPCOUNT = 21, 73
HIGHEST_TTL = 255
"""Packets start at 64 or 128 nearly everywhere: the kernel's check against spoofed neighbours (RFC 5082)
drops them, and asks for no privilege, as its packet filters do."""
TCP_INFO_UNACKED = struct.Struct("=24xI")
"""The field of the kernel's `tcp_info` that for a listener counts the connections not yet accepted."""


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
