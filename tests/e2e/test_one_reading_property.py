"""Any sequence of requests on one connection, in any split, is answered as one connection each answers it."""

import gzip
import json
import re
import string
import zlib
from typing import NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.http.head import ONCE
from tests.e2e.field_names import PERMANENT, PROVISIONAL
from tests.e2e.raw import Answer, Client, chunked, split
from tests.e2e.running import Service

ROW = [0.5] * 30
BODIES = [
    json.dumps({"id": "own", "instances": [ROW]}).encode(),
    json.dumps({"id": "two", "instances": [ROW, ROW]}).encode(),
    json.dumps({"id": "bad", "instances": [[1]]}).encode(),
    b'{"id": "x", "inputs": []}',
    b"",
    b"GET /info HTTP/1.1\r\nHost: x\r\n\r\n",
    b"0\r\n\r\nPOST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
]
METHODS = [b"GET", b"POST", b"HEAD", b"OPTIONS", b"PUT"]
SCORED = [b"/predict", b"/v2/models/breast-cancer/infer", b"http://x/predict?a=b"]
"""Paths of the data plane: half of all requests are for its rows."""
PATHS = [*SCORED, b"/livez", b"/v2", b"/nope"]
OWN = {b"connection", b"content-encoding", b"content-length", b"host", b"transfer-encoding"}
"""Names whose values say where a message ends, whether it is the last one, or how its body is packed."""
REGISTERED = [name for name in (*PERMANENT, *PROVISIONAL) if name.lower() not in OWN]
# Those of connections and messages, and some of everything else, with values that mean something.
FIELDS = {
    b"Connection": [b"keep-alive", b"Upgrade", b"upgrade, HTTP2-Settings", b"TE", b"x-request-id"],
    b"Upgrade": [b"h2c", b"websocket", b"TLS/1.3, HTTP/1.1"],
    b"HTTP2-Settings": [b"AAMAAABkAAQAAP__"],
    b"Keep-Alive": [b"timeout=5, max=1"],
    b"Proxy-Connection": [
        b"keep-alive"
    ],  # the parser takes a close for one of Connection, and the answer says so
    b"Proxy-Authorization": [b"Basic eA=="],
    b"TE": [b"trailers, deflate;q=0.5"],
    b"Trailer": [b"Expires", b"Content-Length"],
    b"Expect": [b"100-continue", b"something"],
    b"Via": [b"1.0 fred, 1.1 example.com"],
    b"Forwarded": [b"for=1.2.3.4;host=evil.example"],
    b"X-Forwarded-For": [b"1.2.3.4"],
    b"X-HTTP-Method-Override": [b"DELETE"],
    b"X-Original-URL": [b"/info"],
    b"Range": [b"bytes=0-1"],
    b"If-Match": [b'"x"'],
    b"If-None-Match": [b"*"],
    b"If-Modified-Since": [b"Sat, 29 Oct 1994 19:43:31 GMT"],
    b"Accept": [b"text/html, */*;q=0.1"],
    b"Accept-Encoding": [b"br", b"gzip;q=0"],
    b"Accept-Language": [b"de, en;q=0.7"],
    b"Content-Type": [b"application/json", b"text/plain", b"application/octet-stream"],
    b"Content-Language": [b"en"],
    b"Content-Location": [b"/info"],
    b"Cookie": [b"a=b; c=d"],
    b"Origin": [b"https://a.example"],
    b"Referer": [b"https://a.example/x"],
    b"Max-Forwards": [b"0"],
    b"Sec-WebSocket-Key": [b"dGhlIHNhbXBsZSBub25jZQ=="],
    b"Priority": [b"u=1, i"],
    b"Cache-Control": [b"no-store"],
    b"Date": [b"Sat, 29 Oct 1994 19:43:31 GMT"],
    b"X-Empty": [b""],
}
# Those that this service reads itself, once each, and in every other request.
READ = {
    b"Authorization": [b"Bearer x", b"Basic eDp4", b""],
    b"X-API-Key": [b"x", b""],
    b"X-Request-Timeout-Ms": [b"60000", b"999999999", b"soon"],
}
ENCODINGS = {
    b"gzip": lambda body: gzip.compress(body, mtime=0),
    b"x-gzip": lambda body: gzip.compress(body, mtime=0),
    b"deflate": zlib.compress,
    b"identity": bytes,
}
WRONG = [
    b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n",
    b"GET /livez HTTP/1.1\nHost: x\n\n",
    b"GET /livez HTTP/1.1\r\nHost : x\r\n\r\n",
    b"GET /livez HTTP/1.1\r\n\r\n",
    b"GET /livez HTTP/2.0\r\nHost: x\r\n\r\n",
    b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /livez HTTP/1.0\r\n\r\n",
    b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    b"GET /livez HTTP/1.1\r\nHost: x\r\nProxy-Connection: close\r\n\r\n",
    b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close, upgrade\r\nUpgrade: h2c\r\n\r\n",
]
"""Requests after which nothing of the connection is read: they come last."""
SAID = re.compile(rb"^(date|x-request-id|content-length): .*\r\n", re.MULTILINE)
MADE = re.compile(rb'"(request_id|id)": "[0-9a-f]{12}-[0-9a-f]+"')


class Sent(NamedTuple):
    """A request as bytes, and whether its answer has no body."""

    data: bytes
    bodiless: bool = False


def cased(name: bytes) -> st.SearchStrategy[bytes]:
    """Return `name` in any of three cases."""
    return st.sampled_from([name, name.lower(), name.upper()])


def values() -> st.SearchStrategy[bytes]:
    """Return values of tokens, with what separates them."""
    parts = st.text(string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~", min_size=1, max_size=12)
    joined = st.tuples(st.sampled_from([",", ", ", ";", "; ", "=", "/", " "]), st.lists(parts, max_size=4))
    return joined.map(lambda each: each[0].join(each[1]).encode())


@st.composite
def headers(draw: st.DrawFn) -> list[tuple[bytes, bytes]]:
    """Draw names and values, a name several times if it may be."""
    known = st.sampled_from(list(FIELDS)).flatmap(
        lambda name: st.tuples(st.just(name), st.sampled_from(FIELDS[name]))
    )
    registered = st.tuples(st.sampled_from(REGISTERED), values())
    found: list[tuple[bytes, bytes]] = []
    for name, options in READ.items():
        if (value := draw(st.none() | st.sampled_from(options))) is not None:
            found.append((name, value))
    others = draw(st.lists(known, max_size=8)) + draw(
        st.just([]) | st.lists(registered, min_size=5, max_size=20)
    )
    for name, value in draw(st.permutations(others)):
        if name.lower() not in ONCE or name.lower() not in {other.lower() for other, _ in found}:
            found.append((name, value))
    return found


@st.composite
def requests(draw: st.DrawFn) -> Sent:
    """Draw a valid request with any headers, its body by length or in chunks."""
    scored = st.tuples(st.just(b"POST"), st.sampled_from(SCORED))
    method, path = draw(scored | st.tuples(st.sampled_from(METHODS), st.sampled_from(PATHS)))
    lines = [b"%b %b HTTP/1.1" % (method, path)]
    fields = [b"%b: localhost" % draw(cased(b"Host"))]
    blank = st.sampled_from([b" ", b"", b"\t "])
    fields += [b"%b:%b%b" % (draw(cased(name)), draw(blank), value) for name, value in draw(headers())]
    body = draw(st.sampled_from(BODIES))
    encoding = draw(st.none() | st.sampled_from(list(ENCODINGS)))
    if encoding is not None:
        fields.append(b"%b: %b" % (draw(cased(b"Content-Encoding")), draw(cased(encoding))))
        body = ENCODINGS[encoding](body)
    how = draw(st.sampled_from(["none", "length", "chunks"]))
    if how == "length":
        fields.append(b"%b: %d" % (draw(cased(b"Content-Length")), len(body)))
    if how == "chunks":
        fields.append(b"%b: %b" % (draw(cased(b"Transfer-Encoding")), draw(cased(b"chunked"))))
        body = chunked(
            body,
            size=draw(st.integers(1, 400)),
            extension=draw(st.sampled_from([b"", b";a", b';a="b;c"'])),
            trailer=draw(
                st.sampled_from([b"", b"Expires: x\r\nX-Request-Id: trailing\r\nHost: evil.example\r\n"])
            ),
        )
    lines += draw(st.permutations(fields))
    return Sent(b"\r\n".join([*lines, b"", b"" if how == "none" else body]), method == b"HEAD")


def plain(answer: Answer | None) -> Answer | None:
    """Return an answer without what differs from request to request."""
    if answer is None:
        return None
    return Answer(answer.status, SAID.sub(b"", answer.head), MADE.sub(b"", answer.body))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    several=st.lists(requests(), min_size=1, max_size=6),
    last=st.none() | st.sampled_from(WRONG),
    places=st.lists(st.integers(0, 10_000), max_size=40),
)
def test_a_connection_answers_as_one_connection_each(
    service: Service, several: list[Sent], last: bytes | None, places: list[int]
) -> None:
    """Statuses, headers and bodies, in order; after one that ends the connection nothing is answered."""
    sent = [*several, *([] if last is None else [Sent(last)])]
    expected = []
    for each in sent:
        with Client(service) as alone:
            alone.send(each.data)
            expected.append(plain(alone.answer(bodiless=each.bodiless)))
    assert None not in expected
    with Client(service) as client:
        client.send(*split(b"".join(each.data for each in sent), places))
        assert [plain(client.answer(bodiless=each.bodiless)) for each in sent] == expected
        if last is None:
            client.send(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
            assert client.answers(1)[0].body == b"ok"
        else:
            assert client.ends()
