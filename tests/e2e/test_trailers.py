"""What comes after a head opens nothing, changes nothing, and has limits."""

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator
from itertools import repeat

import pytest

from tests.e2e.raw import Client, chunked
from tests.e2e.running import Service

BODY = json.dumps({"id": "own", "instances": [[1.0] * 30]}).encode()
MEGABYTES = 100
PIECE = 64 * 1024
GROWTH_BYTES = 16 << 20
"""What a process may grow by meanwhile: allocators keep some of what passed through."""


@pytest.fixture(scope="module")
def guarded(share: Callable[..., Service], tmp_path_factory: pytest.TempPathFactory) -> Service:
    """A service with one key, `good`."""
    keys = tmp_path_factory.mktemp("keys") / "keys"
    keys.write_text(f"alice:{hashlib.sha256(b'good').hexdigest()}\n")
    return share(api_keys_file=keys)


@pytest.fixture(scope="module")
def alone(share: Callable[..., Service]) -> Service:
    """A service of one HTTP process: whoever asks asks the one that reads what others send."""
    return share(api_servers=1)


@pytest.mark.parametrize("offer", [b"", b"Connection: Upgrade\r\nUpgrade: h2c\r\n"])
@pytest.mark.parametrize("key", [b"X-API-Key: good\r\n", b"Authorization: Bearer good\r\n"])
@pytest.mark.parametrize("head", [b"GET /info", b"POST /predict", b"GET /v2/models/breast-cancer"])
def test_a_key_in_a_trailer_opens_nothing(guarded: Service, head: bytes, key: bytes, offer: bytes) -> None:
    """A proxy that checks or strips keys has not seen it."""
    with Client(guarded) as client:
        start = head + b" HTTP/1.1\r\nHost: x\r\n" + offer
        client.send(start + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(BODY, trailer=key))
        assert client.answers(1)[0].status == 401
        client.send(start + key + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(BODY))
        assert client.answers(1)[0].status == 200


@pytest.mark.parametrize(
    "trailer",
    [
        b"X-Request-Id: trailing",
        b"Content-Type: multipart/form-data; boundary=x",
        b"Content-Encoding: gzip",
        b"Expect: 100-continue",
        b"Host: evil.example",
        b"X-Request-Timeout-Ms: no",
        b"Inference-Header-Content-Length: 1",
        b"Accept-Encoding: gzip",
        b"Origin: https://evil.example",
    ],
)
@pytest.mark.parametrize("path", [b"/predict", b"/v2/repository/index"])
def test_a_trailer_changes_nothing(service: Service, path: bytes, trailer: bytes) -> None:
    """The answer is that of the same request without it, and nobody is told to go on."""

    def ask(data: bytes) -> tuple[int, bytes]:
        with Client(service) as client:
            head = b"POST %b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" % path
            client.send(head + data)
            answer = client.answers(1)[0]
            assert b"trailing" not in answer.head
            client.send(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
            assert client.answers(1)[0].body == b"ok"
            assert client.continued == 0
            return answer.status, answer.body

    assert ask(chunked(BODY, trailer=trailer + b"\r\n")) == ask(chunked(BODY))


def flood(first: bytes, piece: bytes) -> Iterator[bytes]:
    """Yield `first`, and then about 100 MB of `piece`."""
    yield first
    yield from repeat(piece * max(1, PIECE // len(piece)), (MEGABYTES << 20) // PIECE)


CHUNKS = b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
FLOODS = {
    "a trailer": (CHUNKS + b"0\r\nX: ", b"x" * PIECE, {431}),
    "many trailers": (CHUNKS + b"0\r\n", b"X: x\r\n", {431}),
    "a chunk extension": (CHUNKS + b"1;", b"x" * PIECE, {431}),
    "a quoted extension": (CHUNKS + b'1;a="', b"x" * PIECE, {431}),
    "extensions of many chunks": (CHUNKS, b"1;" + b"x" * 1000 + b"\r\nx\r\n", {431}),
    "an extension of the last chunk": (CHUNKS + b"0;", b"x" * PIECE, {431}),
    "a header": (b"GET /livez HTTP/1.1\r\nHost: x\r\nX: ", b"x" * PIECE, {431}),
    "many headers": (b"GET /livez HTTP/1.1\r\nHost: x\r\n", b"X: x\r\n", {431}),
    "a header's name": (b"GET /livez HTTP/1.1\r\nHost: x\r\n", b"x" * PIECE, {431}),
    "a header behind an upgrade": (
        b"GET /livez HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: h2c\r\nHost: x\r\nX: ",
        b"x" * PIECE,
        {431},
    ),
    "a trailer behind an upgrade": (
        CHUNKS.replace(b"Host", b"Connection: upgrade\r\nUpgrade: h2c\r\nHost") + b"0\r\nX: ",
        b"x" * PIECE,
        {431},
    ),
    "a target": (b"GET /", b"x" * PIECE, {414}),
    "a trailer that no route reads": (
        CHUNKS.replace(b"/predict", b"/v2/repository/index") + b"0\r\nX: ",
        b"x" * PIECE,
        {200, 431},  # the answer may be sent before it is too much
    ),
}


@pytest.mark.parametrize(("first", "piece", "statuses"), FLOODS.values(), ids=FLOODS)
def test_100_megabytes_of_what_is_no_body_cost_nothing(
    alone: Service, first: bytes, piece: bytes, statuses: set[int]
) -> None:
    """They are refused, the connection ends, memory stays, and the same process answers others meanwhile."""
    [process] = alone.apis()
    before = process.memory_info().rss
    with Client(alone) as client:
        with contextlib.suppress(ConnectionError):  # it is refused and closed, which is what is wanted
            for number, part in enumerate(flood(first, piece)):
                client.send(part)
                if number % 100 == 1:
                    assert alone.http.get("/livez", timeout=5).status_code == 200
        # Before the connection ends: what it holds would be given back with it.
        assert process.memory_info().rss - before < GROWTH_BYTES
        assert client.answers(1)[0].status in statuses
        assert client.ends()


HEAD = b"GET /livez HTTP/1.1\r\nHost: x\r\n"
SIZES = {
    "headers": (HEAD + b"X: x\r\n" * 99 + b"\r\n", 200),
    "too many headers": (HEAD + b"X: x\r\n" * 100 + b"\r\n", 431),
    "a header": (HEAD + b"X: " + b"x" * 32_000 + b"\r\n\r\n", 200),
    "too long a header": (HEAD + b"X: " + b"x" * 33_000 + b"\r\n\r\n", 431),
    "trailers": (CHUNKS + chunked(BODY, trailer=b"X: x\r\n" * 100), 200),
    "too many trailers": (CHUNKS + chunked(BODY, trailer=b"X: x\r\n" * 101), 431),
    "a trailer": (CHUNKS + chunked(BODY, trailer=b"X: " + b"x" * 32_000 + b"\r\n"), 200),
    "too long a trailer": (CHUNKS + chunked(BODY, trailer=b"X: " + b"x" * 33_000 + b"\r\n"), 431),
}


@pytest.mark.parametrize(("sent", "status"), SIZES.values(), ids=SIZES)
def test_headers_and_trailers_have_the_same_limits(service: Service, sent: bytes, status: int) -> None:
    """In one write too: 100 of them, and 32 KiB."""
    with Client(service) as client:
        client.send(sent)
        assert client.answers(1)[0].status == status
