"""Compressed bodies, beside Python's own gzip and zlib."""

import contextlib
import gzip
import tracemalloc
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.body import compression
from service.errors import MalformedError, TooLargeError, UnsupportedError

LIMIT = 10_000


@given(st.binary(max_size=LIMIT), st.sampled_from([(b"gzip", gzip.compress), (b"deflate", zlib.compress)]))
def test_what_was_compressed_is_inflated(body: bytes, kind: tuple[bytes, Callable[..., bytes]]) -> None:
    """A body up to the limit comes back as it was, from Python's compressors and from ours."""
    encoding, compress = kind
    assert compression.inflate(compress(body), encoding, LIMIT) == body
    assert compression.inflate(compression.compress(body, encoding), encoding, LIMIT) == body


@given(st.binary(max_size=200), st.sampled_from([b"gzip", b"deflate", b" GZIP ", b"x-gzip"]))
def test_any_bytes_are_inflated_or_refused(body: bytes, encoding: bytes) -> None:
    """Whatever bytes come, the answer is bytes or a refusal."""
    with contextlib.suppress(MalformedError, TooLargeError):
        assert len(compression.inflate(body, encoding, LIMIT)) <= LIMIT


@pytest.mark.parametrize(("encoding", "compress"), [(b"gzip", gzip.compress), (b"deflate", zlib.compress)])
def test_a_bomb_is_refused_before_it_is_inflated(encoding: bytes, compress: Callable[..., bytes]) -> None:
    """100 MB of zeros cost no more memory than the limit."""
    bomb = compress(bytes(100_000_000), 9)
    tracemalloc.start()
    with pytest.raises(TooLargeError):
        compression.inflate(bomb, encoding, LIMIT)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


@pytest.mark.parametrize("cut", [0, 5, -1])
def test_a_part_of_a_stream_is_malformed(cut: int) -> None:
    """A body that ends too early is refused, not served in part."""
    with pytest.raises(MalformedError):
        compression.inflate(gzip.compress(b"x" * 100)[:cut], b"gzip", LIMIT)


def test_bytes_after_the_stream_are_malformed() -> None:
    """A second member is refused: thousands of empty ones would cost as much as thousands of bodies."""
    with pytest.raises(MalformedError):
        compression.inflate(gzip.compress(b"x") * 2, b"gzip", LIMIT)


def test_unknown_encodings_are_unsupported() -> None:
    """Only what is offered is accepted; identity is no encoding at all."""
    assert compression.inflate(b"x", b"identity", LIMIT) == b"x"
    for encoding in (b"br", b"gzip, gzip", b"", b"\xff"):
        with pytest.raises(UnsupportedError):
            compression.inflate(b"x", encoding, LIMIT)


@pytest.mark.parametrize("encoding", [b"x-gzip", b"X-GZip", b" x-gzip "])
def test_x_gzip_is_gzip(encoding: bytes) -> None:
    """RFC 9110 8.4.1.3: a name of old for the same."""
    assert compression.inflate(gzip.compress(b"body"), encoding, LIMIT) == b"body"


def test_several_encodings_are_refused_by_their_number() -> None:
    """One is taken, and the refusal says so."""
    with pytest.raises(UnsupportedError, match='wanted one Content-Encoding, found "gzip, x-gzip"'):
        compression.inflate(b"x", b"gzip, x-gzip", LIMIT)


@pytest.mark.parametrize(
    ("accepted", "chosen"),
    [
        (b"", None),
        (b"br", None),
        (b"identity", None),
        (b"*", None),
        (b"gzip", b"gzip"),
        (b"deflate", b"deflate"),
        (b"gzip, deflate, br", b"gzip"),
        (b"deflate, GZIP", b"gzip"),
        (b"gzip;q=0", None),
        (b"X-GZip", b"gzip"),
        (b"gzip;q=0, deflate", b"deflate"),
        (b"gzip; q=0.5, deflate; q=0.9", b"deflate"),
        (b"gzip;q=what", None),
        (b"gzip;q=nan", None),
        (b",,;,gzip", b"gzip"),
    ],
)
def test_the_best_liked_encoding_is_chosen(accepted: bytes, chosen: bytes | None) -> None:
    """Accept-Encoding is read with its weights; what is not offered is passed over."""
    assert compression.choose(accepted) == chosen
