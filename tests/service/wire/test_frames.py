"""The frames: a round trip in any pieces, and bytes that must not change."""

import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.wire import frames

GOLDEN_REQUEST = bytes.fromhex(
    "080000000700000000000000" + "ab" * 32 + "0000000000002440010000000200000001000000" + "0000803f00000040"
)
GOLDEN_REPLY = bytes.fromhex("08000000070000000000000000010000002a0000000000003f0000003f")


def test_a_request_has_these_bytes() -> None:
    """Both ends of a rolling upgrade must agree on them."""
    frame = frames.pack_request(
        7, b"\xab" * 32, 10.0, 1, 2, frames.FLAG_EXPLAIN, [struct.pack("<f", 1), struct.pack("<f", 2)]
    )
    assert frame == GOLDEN_REQUEST


def test_a_reply_has_these_bytes() -> None:
    """As for requests."""
    assert frames.pack_reply(7, frames.Status.OK, 1, 42, struct.pack("<2f", 0.5, 0.5)) == GOLDEN_REPLY


def test_a_greeting_says_who_the_worker_is() -> None:
    """The greeting is a reply of its own status with JSON in it."""
    frame = frames.pack_hello(12, "cpu", "2.13.0", "AVX2")
    [(fields, payload)] = frames.Stream(frames.REPLY).feed(frame)
    assert fields[2] == frames.Status.HELLO
    assert json.loads(payload) == {
        "pid": 12,
        "device": "cpu",
        "torch": "2.13.0",
        "cpu_capability": "AVX2",
    }


@pytest.mark.parametrize("command", frames.Command)
def test_a_command_is_a_request_without_rows(command: frames.Command) -> None:
    """Its flags say which, and never what a request of rows may say."""
    [(fields, payload)] = frames.Stream(frames.REQUEST).feed(frames.pack_command(9, command, b"\xab" * 32))
    assert fields == (0, 9, b"\xab" * 32, 0.0, 0, 0, command)
    assert bytes(payload) == b""
    assert not command & frames.FLAG_EXPLAIN


@given(st.lists(st.binary(max_size=40), max_size=8), st.lists(st.integers(1, 60), min_size=1))
def test_frames_survive_any_cut(payloads: list[bytes], cuts: list[int]) -> None:
    """However the stream is cut into pieces, the same frames come out."""
    whole = b"".join(
        frames.pack_reply(number, frames.Status.OK, 1, 0, payload) for number, payload in enumerate(payloads)
    )
    stream, found, start, turn = frames.Stream(frames.REPLY), [], 0, 0
    while start < len(whole):
        size = cuts[turn % len(cuts)]
        found += [(fields[1], bytes(payload)) for fields, payload in stream.feed(whole[start : start + size])]
        start, turn = start + size, turn + 1
    assert found == list(enumerate(payloads))


def test_an_absurd_length_is_refused() -> None:
    """A header that announces more than any frame has ends the stream instead of filling memory."""
    header = frames.REQUEST.pack(frames.MAX_PAYLOAD_BYTES + 1, 1, bytes(32), 0.0, 1, 1, 0)
    with pytest.raises(frames.FrameError, match="a frame of 1073741825 bytes"):
        list(frames.Stream(frames.REQUEST).feed(header))
