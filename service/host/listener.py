"""The listening socket, bound before anything is forked. Knows nothing of HTTP, nor of who accepts."""

import socket

from service.errors import StartError


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
