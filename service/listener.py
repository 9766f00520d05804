"""The listening socket: bound before anything is forked, and closed without losing who was let in.

Knows nothing of HTTP, nor of which process accepts.
"""

import ctypes
import socket
import struct
import sys

from service.errors import StartError

SO_ATTACH_FILTER = 26
SYN_ONLY = (
    (0x30, 0, 0, 13),  # load the byte of TCP's flags
    (0x54, 0, 0, 0x12),  # keep SYN and ACK
    (0x15, 0, 1, 0x02),  # SYN without ACK begins a connection:
    (0x06, 0, 0, 0),  # drop it;
    (0x06, 0, 0, 0xFFFFFFFF),  # all else passes
)
"""A packet filter of the kernel (classic BPF: code, jump if true, jump if false, operand)."""
TCP_INFO_UNACKED = struct.Struct("=24xI")
"""The field of the kernel's `tcp_info` that for a listener counts the connections not yet accepted."""


def bind(host: str, port: int) -> socket.socket:
    """Return a socket bound to the address; it takes connections once an HTTP process listens on it.

    Raises StartError when the address is taken or not this machine's.
    """
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        raise StartError(f"SERVICE_PORT={port}: cannot listen on {host}: {error.strerror}") from None
    return listener


def turn_away(listener: socket.socket) -> None:
    """Let nobody new in, while who has begun to connect still may: a close would reset them.

    A client that knocks now tries again a second later, and is refused if the socket is closed by then.
    """
    if sys.platform == "linux":
        program = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in SYN_ONLY))
        listener.setsockopt(
            socket.SOL_SOCKET,
            SO_ATTACH_FILTER,
            struct.pack("@HP", len(SYN_ONLY), ctypes.addressof(program)),
        )


def waiting(listener: socket.socket) -> int:
    """Return how many connections are established that no process has accepted yet."""
    if sys.platform != "linux":
        return 0
    [count] = TCP_INFO_UNACKED.unpack(
        listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_UNACKED.size)
    )
    return int(count)
