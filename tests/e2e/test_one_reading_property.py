"""Any sequence of requests on one connection, in any split, is answered as one connection each answers it."""

import json
import os
import re
from typing import NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.e2e.raw import Answer, Client, chunked, split
from tests.e2e.running import Service

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "100"))
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
PATHS = [b"/predict", b"/livez", b"/v2", b"/v2/models/breast-cancer/infer", b"/nope", b"http://x/predict?a=b"]
# Of the registry of HTTP fields: those of connections and messages, and some of everything else.
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


@st.composite
def requests(draw: st.DrawFn) -> Sent:
    """Draw a valid request with any headers, its body by length or in chunks."""
    method = draw(st.sampled_from([b"GET", b"POST", b"POST", b"POST", b"HEAD", b"OPTIONS", b"PUT"]))
    lines = [b"%b %b HTTP/1.1" % (method, draw(st.sampled_from(PATHS)))]
    fields = [b"%b: localhost" % draw(cased(b"Host"))]
    chosen = draw(st.lists(st.sampled_from(list(FIELDS)), max_size=8, unique=True))
    blank = st.sampled_from([b" ", b"", b"\t "])
    fields += [b"%b:%b%b" % (draw(cased(n)), draw(blank), draw(st.sampled_from(FIELDS[n]))) for n in chosen]
    body = draw(st.sampled_from(BODIES))
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


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
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
