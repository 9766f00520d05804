"""Keys as a keys file has them."""

import hashlib


def digest(key: str) -> bytes:
    """Return what is kept of `key`."""
    return hashlib.sha256(key.encode()).digest()


def line(key: str, name: str = "someone") -> str:
    """Return a keys file's line for `key`."""
    return f"{name}:{digest(key).hex()}\n"
