"""No byte of one message is read as part of another, whatever its headers say."""

import contextlib
import json
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.e2e.raw import Client, chunked, request
from tests.e2e.running import Service, wait_for

ROW = [1.0] * 30
BODY = json.dumps({"id": "own", "instances": [ROW]}).encode()
PROBE = request(b"GET", b"/livez")
UPGRADES = {
    "h2c as Java sends it": (
        b"Connection: Upgrade, HTTP2-Settings",
        b"HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA",
        b"Upgrade: h2c",
        b"User-Agent: Java-http-client/17.0.15",
    ),
    "websocket": (
        b"Connection: upgrade",
        b"Upgrade: websocket",
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        b"Sec-WebSocket-Version: 13",
    ),
    "made up": (b"Connection: keep-alive, Upgrade", b"Upgrade: anything/9, else"),
    "twice": (b"Upgrade: a", b"Connection: upgrade", b"Upgrade: b", b"Connection: upgrade"),
}
NESTED = {
    "a prediction": request(b"POST", b"/predict", body=BODY),
    "a probe": PROBE,
    "another upgrade": request(b"GET", b"/info", *UPGRADES["websocket"]),
    "an end": b"0\r\n\r\n" + PROBE,
}


@pytest.fixture(params=[1, 3, 1 << 20], ids=lambda size: f"{size} bytes a write")
def size(request: pytest.FixtureRequest) -> int:
    """How many bytes are sent at once."""
    return int(request.param)


def cut(data: bytes, size: int) -> Iterator[bytes]:
    """Yield `data` in parts of `size` bytes."""
    return (data[place : place + size] for place in range(0, len(data), size))


@pytest.mark.parametrize("chunks", [False, True], ids=["by length", "in chunks"])
@pytest.mark.parametrize("offer", UPGRADES.values(), ids=UPGRADES)
def test_an_upgrade_is_ignored_and_the_request_answered_once(
    service: Service, offer: tuple[bytes, ...], size: int, *, chunks: bool
) -> None:
    """On the data plane and on other routes; what follows on the connection gets its own answer."""
    sent = (
        request(b"POST", b"/predict", *offer, body=BODY, chunks=chunks)
        + request(b"POST", b"/v2/repository/index", *offer, body=b"{}", chunks=chunks)
        + request(b"GET", b"/info", *offer)
        + PROBE
    )
    with Client(service) as client:
        client.send(*cut(sent, size))
        predicted, listed, told, probed = client.answers(4)
        assert predicted.status == listed.status == told.status == 200
        assert json.loads(predicted.body)["id"] == "own"
        assert json.loads(listed.body)[0]["name"] == "breast-cancer"
        assert probed.body == b"ok"
        client.send(PROBE)
        assert client.answers(1)[0].body == b"ok"


@pytest.mark.parametrize("chunks", [False, True], ids=["by length", "in chunks"])
@pytest.mark.parametrize("path", [b"/predict", b"/v2/repository/index"])
@pytest.mark.parametrize("nested", NESTED.values(), ids=NESTED)
@pytest.mark.parametrize("offer", UPGRADES.values(), ids=UPGRADES)
def test_a_body_that_looks_like_a_request_is_a_body(
    service: Service, path: bytes, nested: bytes, offer: tuple[bytes, ...], size: int, *, chunks: bool
) -> None:
    """Behind a proxy that shares connections it would be answered in the place of another client's."""
    with Client(service) as client:
        client.send(*cut(request(b"POST", path, *offer, body=nested, chunks=chunks), size))
        assert client.answers(1)[0].status == (400 if path == b"/predict" else 200)
        client.send(PROBE)
        assert client.answers(1)[0].body == b"ok"


@pytest.mark.parametrize(
    ("version", "connection"), [(b"1.1", b"close, Upgrade"), (b"1.0", b"Upgrade"), (b"1.0", b"close")]
)
@pytest.mark.parametrize(
    ("path", "body", "answer"),
    [(b"/predict", BODY, b'"id": "own"'), (b"/v2/repository/index", b"{}", b"breast-cancer")],
)
def test_an_upgrade_with_a_close_is_answered_and_ends(
    service: Service, path: bytes, body: bytes, answer: bytes, version: bytes, connection: bytes, size: int
) -> None:
    """The request is not lost, and what follows it is not answered."""
    offer = (b"Connection: " + connection, b"Upgrade: h2c")
    sent = request(b"POST", path, *offer, body=body, version=version) + PROBE
    with Client(service) as client:
        with contextlib.suppress(ConnectionError):  # it may end before all of the probe is sent
            client.send(*cut(sent, size))
        assert answer in client.answers(1)[0].body
        assert client.ends()


def test_many_pipelined_upgrades_are_answered_each(service: Service) -> None:
    """3,500 in one write: no recursion, no limit that the others' bytes count against."""
    offer = UPGRADES["h2c as Java sends it"]
    sent = request(b"GET", b"/livez", *offer) + request(b"POST", b"/predict", *offer, body=BODY)
    with Client(service) as client:
        client.send(sent * 1750)
        assert [answer.status for answer in client.answers(3500)] == [200] * 3500


def test_an_upgrade_that_waits_is_told_to_go_on_once(service: Service, size: int) -> None:
    """The head is read twice; the client hears of it once."""
    offer = (*UPGRADES["h2c as Java sends it"], b"Expect: 100-continue")
    with Client(service) as client:
        client.send(*cut(request(b"POST", b"/predict", *offer, body=BODY), size))
        assert json.loads(client.answers(1)[0].body)["id"] == "own"
        assert client.continued == 1


def test_an_upgrade_keeps_the_limits_of_its_body(service: Service) -> None:
    """What it announces is refused before it is read."""
    offer = UPGRADES["websocket"]
    head = b"\r\n".join(
        [b"POST /predict HTTP/1.1", b"Host: x", *offer, b"Content-Length: 999999999", b"", b""]
    )
    with Client(service) as client:
        client.send(head)
        assert client.answers(1)[0].status == 413
        assert client.ends()


def test_an_upgrade_is_as_old_as_its_first_byte(service: Service) -> None:
    """The time that its client set runs from there, though the head is read again at its end."""
    own = (*UPGRADES["websocket"], b"X-Request-Timeout-Ms: 200")
    sent = request(b"POST", b"/predict", *own, body=BODY)
    with Client(service) as client:
        started = time.monotonic()
        client.send(sent[:40])
        wait_for(lambda: time.monotonic() - started > 1)
        client.send(sent[40:])
        assert client.answers(1)[0].status in (503, 504)


def test_curl_that_offers_http_2_is_answered(service: Service) -> None:
    """`curl --http2` offers h2c with each request; with -d it sends a body too."""
    data = ["-H", "Content-Type: application/json", "-d", BODY.decode()]
    command = ["curl", "-s", "--http2", *data, f"{service.url}/predict", "--next", "-s", "--http2"]
    found = subprocess.run([*command, f"{service.url}/livez"], capture_output=True, check=True).stdout
    assert json.loads(found.removesuffix(b"ok"))["id"] == "own"


HEAD = b"POST /predict HTTP/1.1\r\nHost: x\r\n"
CHUNKS = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
UNREADABLE = {
    "length and chunks": HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and length": HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "two lengths": HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "one length twice": HEAD + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    "a length with a comma": HEAD + b"Content-Length: 5, 5\r\n\r\nhello",
    "a length with a sign": HEAD + b"Content-Length: +5\r\n\r\nhello",
    "a negative length": HEAD + b"Content-Length: -5\r\n\r\nhello",
    "a length with a blank": HEAD + b"Content-Length: 5 5\r\n\r\nhello",
    "a length in hex": HEAD + b"Content-Length: 0x5\r\n\r\nhello",
    "no length": HEAD + b"Content-Length:\r\n\r\n",
    "a length past 64 bits": HEAD + b"Content-Length: 18446744073709551621\r\n\r\nhello",
    "another coding": HEAD + b"Transfer-Encoding: gzip\r\n\r\n0\r\n\r\n",
    "another coding before chunks": HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "another coding after chunks": HEAD + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "chunks twice": HEAD + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "chunks in two headers": HEAD
    + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a coding with a tab": HEAD + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "a quoted coding": HEAD + b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n',
    "no coding": HEAD + b"Transfer-Encoding:\r\nContent-Length: 5\r\n\r\nhello",
    "a folded coding": HEAD + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "chunks in HTTP/1.0": b"POST /predict HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(BODY),
    "a folded header": HEAD + b"X: a\r\n b\r\n\r\n",
    "a folded first header": b"GET /livez HTTP/1.1\r\n Host: x\r\n\r\n",
    "bare LF": b"GET /livez HTTP/1.1\nHost: x\n\n",
    "bare LF after a header": b"GET /livez HTTP/1.1\r\nHost: x\nX: y\r\n\r\n",
    "bare LF at the end": b"GET /livez HTTP/1.1\r\nHost: x\r\n\n",
    "bare CR": b"GET /livez HTTP/1.1\r\nHost: x\rX: y\r\n\r\n",
    "a blank before the colon": HEAD + b"Content-Length : 5\r\n\r\nhello",
    "no colon": HEAD + b"X\r\n\r\n",
    "no name": HEAD + b": x\r\n\r\n",
    "NUL in a value": HEAD + b"X: a\0b\r\n\r\n",
    "NUL in a name": HEAD + b"X\0: a\r\n\r\n",
    "a control in a value": HEAD + b"X: a\x01b\r\n\r\n",
    "a control in the target": b"GET /li\x01vez HTTP/1.1\r\nHost: x\r\n\r\n",
    "a fragment in the target": b"POST /predict#x HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
    "a chunk size in C's hex": CHUNKS + b"0x5\r\nhello\r\n0\r\n\r\n",
    "a chunk size with a sign": CHUNKS + b"+5\r\nhello\r\n0\r\n\r\n",
    "a negative chunk size": CHUNKS + b"-5\r\nhello\r\n0\r\n\r\n",
    "a chunk size with a blank": CHUNKS + b"5 \r\nhello\r\n0\r\n\r\n",
    "a chunk size after a blank": CHUNKS + b" 5\r\nhello\r\n0\r\n\r\n",
    "a chunk size with an underscore": CHUNKS + b"0_5\r\nhello\r\n0\r\n\r\n",
    "no chunk size": CHUNKS + b"\r\nhello\r\n0\r\n\r\n",
    "a chunk size past 64 bits": CHUNKS + b"10000000000000005\r\nhello\r\n0\r\n\r\n",
    "bare LF after a chunk size": CHUNKS + b"5\nhello\r\n0\r\n\r\n",
    "bare CR after a chunk size": CHUNKS + b"5\rhello\r\n0\r\n\r\n",
    "bare LF in a chunk extension": CHUNKS + b"5;a\nhello\r\n0\r\n\r\n",
    "bare LF in a quoted extension": CHUNKS + b'5;a="\n"\r\nhello\r\n0\r\n\r\n',
    "bare LF after a chunk": CHUNKS + b"5\r\nhello\n0\r\n\r\n",
    "nothing after a chunk": CHUNKS + b"5\r\nhello0\r\n\r\n",
    "more than a chunk": CHUNKS + b"5\r\nhello!\r\n0\r\n\r\n",
    "a folded trailer": CHUNKS + b"0\r\nA: b\r\n c\r\n\r\n",
    "a length in a trailer": CHUNKS + b"0\r\nContent-Length: 5\r\n\r\nhello",
    "a coding in a trailer": CHUNKS + b"0\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "a close in a trailer": CHUNKS + b"0\r\nConnection: close\r\n\r\n",
    "an upgrade in a trailer": CHUNKS + b"0\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
    "no Host": b"GET /livez HTTP/1.1\r\n\r\n",
    "two Hosts": b"GET /livez HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n",
    "a Host that is none": b"GET /livez HTTP/1.1\r\nHost: a b\r\n\r\n",
    "two keys": b"GET /livez HTTP/1.1\r\nHost: x\r\nX-API-Key: a\r\nX-API-Key: b\r\n\r\n",
    "two authorizations": b"GET /livez HTTP/1.1\r\nHost: x\r\nAuthorization: a\r\nauthorization: a\r\n\r\n",
    "two content types": HEAD + b"Content-Type: a/b\r\nContent-Type: a/b\r\nContent-Length: 0\r\n\r\n",
    "a TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "no method": b" /livez HTTP/1.1\r\nHost: x\r\n\r\n",
    "no version": b"GET /livez \r\nHost: x\r\n\r\n",
}


@pytest.mark.parametrize(
    "offer", [b"", b"Connection: Upgrade\r\nUpgrade: h2c\r\n"], ids=["plain", "with an upgrade"]
)
@pytest.mark.parametrize("sent", UNREADABLE.values(), ids=UNREADABLE)
def test_what_can_be_read_in_two_ways_is_refused_and_the_connection_ends(
    service: Service, sent: bytes, offer: bytes, size: int
) -> None:
    """One answer, 400, and what follows is read by nobody; a head that is read twice is no exception."""
    with Client(service) as client:
        client.send(PROBE)
        assert client.answers(1)[0].status == 200
        client.send(*cut(sent.replace(b"\r\n", b"\r\n" + offer, 1) + PROBE, size))
        refused = client.answers(1)[0]
        assert refused.status == 400
        assert json.loads(refused.body).keys() == {"error", "code", "request_id"}
        assert b"connection: close\r\n" in refused.head
        assert client.ends()


BODIES = {name: sent.removeprefix(CHUNKS) for name, sent in UNREADABLE.items() if sent.startswith(CHUNKS)}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_route_that_does_not_read_its_body_answers_once_too(
    service: Service, body: bytes, size: int
) -> None:
    """It may have answered before the body went wrong: then the connection ends without a second answer."""
    with Client(service) as client:
        with contextlib.suppress(ConnectionError):  # as it does
            client.send(*cut(CHUNKS.replace(b"/predict", b"/v2/repository/index") + body + PROBE, size))
        assert client.answers(1)[0].status in (200, 400)
        assert client.ends()


OTHER_VERSIONS = {
    "HTTP/2's preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/2.0": b"GET /livez HTTP/2.0\r\nHost: x\r\n\r\n",
    "HTTP/1.2": b"GET /livez HTTP/1.2\r\nHost: x\r\n\r\n",
    "HTTP/3.0": b"GET /livez HTTP/3.0\r\nHost: x\r\n\r\n",
    "HTTP/0.9": b"GET /livez\r\n\r\n",
    "HTTP/0.9 by name": b"GET /livez HTTP/0.9\r\nHost: x\r\n\r\n",
    "RTSP": b"DESCRIBE rtsp://x/livez RTSP/1.0\r\nHost: x\r\n\r\n",
    "RTSP that quotes a line of HTTP": b"GET /livez  RTSP/1.0\r\nHost: x\r\nX: /livez HTTP/1.0\r\n\r\n",
    "RTSP with a method of HTTP": b"POST /predict RTSP/1.0\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
    "RTSP/1.1": b"GET /livez RTSP/1.1\r\nHost: x\r\n\r\n",
    "RTSP/1.1 on the data plane": b"POST /predict RTSP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
    "RTSP/1.1 with an upgrade": (
        b"GET /livez RTSP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    ),
    "ICE/1.1": b"SOURCE /livez ICE/1.1\r\nHost: x\r\n\r\n",
    "ICE": b"SOURCE /livez ICE/1.0\r\nHost: x\r\n\r\n",
}


@pytest.mark.parametrize("sent", OTHER_VERSIONS.values(), ids=OTHER_VERSIONS)
def test_other_versions_and_protocols_are_refused_by_name(service: Service, sent: bytes, size: int) -> None:
    """505, and the connection ends."""
    with Client(service) as client:
        client.send(*cut(sent, size))
        refused = client.answers(1)[0]
        assert (refused.status, json.loads(refused.body)["code"]) == (505, "unsupported")
        assert client.ends()


def test_http_1_0_is_answered_without_a_host(service: Service, size: int) -> None:
    """It has none; the connection ends with the answer."""
    with Client(service) as client:
        client.send(*cut(b"GET /livez HTTP/1.0\r\nReferer: /livez RTSP/1.0\r\n\r\n", size))
        assert client.answers(1)[0].body == b"ok"
        assert client.ends()


def test_connect_is_refused_and_the_connection_ends(service: Service, size: int) -> None:
    """It would be a tunnel: what follows is nobody's request."""
    with Client(service) as client:
        client.send(*cut(b"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost:80\r\n\r\n" + PROBE, size))
        refused = client.answers(1)[0]
        assert (refused.status, json.loads(refused.body)["code"]) == (405, "method_not_allowed")
        assert client.ends()


READABLE = {
    "chunk extensions": chunked(BODY, extension=b';a=b;c="d e";f'),
    "a chunk size with zeros": chunked(BODY).replace(b"\r\n0\r\n\r\n", b"\r\n000000000000\r\n\r\n"),
    "a trailer": chunked(BODY, trailer=b"Digest: x\r\nExpires: never\r\n"),
    "chunks of a byte": chunked(BODY, size=1),
}


@pytest.mark.parametrize("sent", READABLE.values(), ids=READABLE)
def test_what_is_unusual_and_valid_is_read(service: Service, sent: bytes, size: int) -> None:
    """And what follows it on the connection too."""
    with Client(service) as client:
        client.send(*cut(CHUNKS + sent + PROBE, size))
        predicted, probed = client.answers(2)
        assert json.loads(predicted.body)["id"] == "own"
        assert probed.body == b"ok"


def test_nothing_of_this_is_logged_as_an_error(service: Service) -> None:
    """A client did it, and the service went on."""
    assert '"level": "error"' not in service.log()
    assert "Traceback" not in service.log()
