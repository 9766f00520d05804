"""The frames between an HTTP process and a worker. Knows nothing of sockets, batches or models.

All numbers are little-endian. A request is a header and its rows:

    payload bytes u32 | batch u64 | model digest 32 bytes | deadline f64 | rows u32 | columns u32 | flags u8 |
    3 zeros
    float32 [rows, columns]

A reply is a header and its results, which `results` packs and reads:

    payload bytes u32 | batch u64 | status u8 | rows u32 | microseconds u32
    results

The deadline is on the machine's monotonic clock, which all its processes share. A request without rows is a
command: its flags say which.
"""

import json
import struct
from collections.abc import Iterator, Sequence
from enum import IntEnum
from typing import Any

REQUEST = struct.Struct("<IQ32sdIIB3x")  # 64 bytes, so that the rows are aligned where they were received
REPLY = struct.Struct("<IQBII")
FLAG_EXPLAIN = 1
MAX_PAYLOAD_BYTES = 1 << 30
NO_DIGEST = bytes(32)

Raw = bytes | bytearray | memoryview


class Command(IntEnum):
    """What a request without rows wants done with the version of its digest."""

    PING = 0
    """Nothing: it asks for a sign of life."""
    COUNT = 16
    """Count for drift what was answered so far."""
    TRY = 2
    """Load it in a child, which may die of it."""
    LOAD = 4
    FORGET = 8


class Status(IntEnum):
    OK = 0
    HELLO = 1
    REFUSED = 2
    """The version cannot be loaded; the payload is a `Refusal` as JSON."""
    EXPIRED = 3
    FAILED = 4


class FrameError(Exception):
    """The peer sent what no frame can be; the stream cannot be trusted any more."""


def pack_request(
    batch: int, digest: bytes, deadline: float, rows: int, columns: int, flags: int, payloads: Sequence[bytes]
) -> bytes:
    """Return a request's frame; `payloads` together are float32 [rows, columns], raw."""
    size = sum(map(len, payloads))
    return b"".join([REQUEST.pack(size, batch, digest, deadline, rows, columns, flags), *payloads])


def pack_command(number: int, command: Command, digest: bytes = NO_DIGEST) -> bytes:
    """Return the frame of a command, whose reply has its number."""
    return pack_request(number, digest, 0.0, 0, 0, command, ())


def pack_reply(batch: int, status: Status, rows: int, microseconds: int, payload: bytes) -> bytes:
    """Return a reply's frame; `microseconds` is the time that the model took."""
    return REPLY.pack(len(payload), batch, status, rows, microseconds) + payload


def pack_hello(pid: int, device: str, torch: str, cpu_capability: str) -> bytes:
    """Return the frame by which a worker greets: who it is and on what it runs."""
    greeting = {"pid": pid, "device": device, "torch": torch, "cpu_capability": cpu_capability}
    return pack_reply(0, Status.HELLO, 0, 0, json.dumps(greeting).encode())


class Stream:
    """Cut a byte stream into frames of one kind, `REQUEST` or `REPLY`."""

    def __init__(self, header: struct.Struct) -> None:
        self._header = header
        self._partial = bytearray()

    def feed(self, data: Raw) -> Iterator[tuple[tuple[Any, ...], Raw]]:
        """Yield the header's fields and the payload of every frame that `data` completes.

        When `data` is a view, so is the payload of a frame that is whole in it. Raises FrameError when a
        header announces more than MAX_PAYLOAD_BYTES.
        """
        buffer = data
        if self._partial:
            self._partial += data
            buffer = self._partial
        start, size = 0, self._header.size
        while len(buffer) - start >= size:
            fields = self._header.unpack_from(buffer, start)
            if fields[0] > MAX_PAYLOAD_BYTES:
                raise FrameError(f"a frame of {fields[0]} bytes")
            end = start + size + fields[0]
            if len(buffer) < end:
                break
            yield fields, buffer[start + size : end]
            start = end
        if buffer is self._partial:
            del self._partial[:start]
        else:
            self._partial += buffer[start:]
