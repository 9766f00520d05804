"""A connection whose requests repeat, or nearly do, answers each of them as a connection of its own does."""

import gzip
import json
import re
from typing import NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.e2e.raw import Answer, Client
from tests.e2e.running import Service

ROW = [0.5] * 30
BODIES = [
    json.dumps({"id": "own", "instances": [ROW]}).encode(),
    json.dumps({"id": "own", "instances": [[1.25, *ROW[1:]]]}).encode(),
    json.dumps({"id": "two", "instances": [ROW, ROW]}).encode(),
    json.dumps({"id": "bad", "instances": [[1]]}).encode(),
    gzip.compress(json.dumps({"id": "own", "instances": [ROW]}).encode(), mtime=0),
    b"",
    b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}",
    b"\r\n\r\n0\r\n\r\n",
]
PATHS = [
    b"/predict",
    b"/predict",
    b"/v2/models/breast-cancer/infer",
    b"/predict?a=b",
    b"/v2/models/x/infer",
    b"/x",
]
FIELDS = {
    b"X-Request-Id": [b"a", b"b-2", b"", b"two words", b"\xe9", b"c" * 300],
    b"traceparent": [b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", b"00-1-2-01", b"x"],
    b"Content-Type": [b"application/json", b"text/plain", b"application/octet-stream"],
    b"Content-Encoding": [b"gzip", b"identity", b"br"],
    b"X-Request-Timeout-Ms": [b"60000", b"30000", b"soon"],
    b"Inference-Header-Content-Length": [b"0", b"10"],
    b"Authorization": [b"Bearer x", b"Bearer y"],
    b"Accept-Encoding": [b"gzip", b"identity"],
    b"Origin": [b"https://a.example", b"https://b.example"],
    b"Host": [b"other.example", b"localhost:1"],
    b"Connection": [b"keep-alive", b"Keep-Alive", b"close", b"upgrade"],
    b"Upgrade": [b"h2c"],
    b"Expect": [b"100-continue"],
    b"Content-Length": [b"0%d", b"+%d"],
    b"Transfer-Encoding": [b"chunked"],
    b"X-New": [b"1"],
}
MADE = re.compile(rb"^date: .*|\b[0-9a-f]{12}-[0-9a-f]+\b|^content-length: .*", re.MULTILINE)
"""What differs from answer to answer: the time, and an id that the service made, which has any length."""


class Head(NamedTuple):
    """A request line and headers, in order."""

    method: bytes
    path: bytes
    fields: tuple[tuple[bytes, bytes], ...]

    def request(self, body: bytes) -> bytes:
        """Return the request with this body, whose length takes the place of %d."""
        lines = [b"%b %b HTTP/1.1" % (self.method, self.path)]
        fields = [(name, value % len(body) if b"%d" in value else value) for name, value in self.fields]
        lines += [b"%b: %b" % field for field in fields]
        return b"\r\n".join([*lines, b"", body])


@st.composite
def nearly(draw: st.DrawFn, head: Head) -> Head:
    """Draw a head that is `head`, or differs from it in one thing."""
    fields = list(head.fields)
    place = draw(st.integers(0, len(fields) - 1))
    name, value = fields[place]
    change = draw(
        st.sampled_from(["nothing"] * 4 + ["value"] * 4 + ["add", "drop", "order", "case", "path", "method"])
    )
    if change == "value" and name in FIELDS:
        fields[place] = name, draw(st.sampled_from(FIELDS[name]))
    elif change == "add":
        new = draw(st.sampled_from(list(FIELDS)))
        fields.insert(place, (new, draw(st.sampled_from(FIELDS[new]))))
    elif change == "drop" and name.lower() != b"content-length":  # else the body is another request
        del fields[place]
    elif change == "order":
        fields = draw(st.permutations(fields))
    elif change == "case":
        fields[place] = name.swapcase(), value
    elif change == "path":
        return head._replace(path=draw(st.sampled_from(PATHS)))
    elif change == "method":
        return head._replace(method=draw(st.sampled_from([b"GET", b"PUT", b"HEAD"])))
    return head._replace(fields=tuple(fields))


@st.composite
def series(draw: st.DrawFn) -> list[bytes]:
    """Draw requests of which most repeat the head before them."""
    usual = st.sampled_from([b"X-Request-Id", b"traceparent", b"Content-Type", b"Accept-Encoding"])
    names = draw(st.lists(usual, unique=True))
    fields = [(name, FIELDS[name][0]) for name in names]
    fields += [(b"Host", b"localhost"), (b"Content-Length", b"%d")]
    head = Head(b"POST", draw(st.sampled_from(PATHS)), tuple(draw(st.permutations(fields))))
    found = []
    for _ in range(draw(st.integers(3, 10))):
        found.append(head.request(draw(st.sampled_from(BODIES))))
        head = draw(nearly(head))
    return found


def plain(answer: Answer | None) -> Answer | None:
    """Return an answer without what differs from one to the next."""
    return answer and Answer(answer.status, MADE.sub(b"", answer.head), MADE.sub(b"", answer.body))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(series())
def test_nearly_the_same_requests_are_each_answered_for_themselves(
    service: Service, sent: list[bytes]
) -> None:
    """Whatever repeats, differs, comes or goes; after an answer that ends the connection nothing comes."""
    with Client(service) as client:
        for request in sent:
            bodiless = request.startswith(b"HEAD")
            with Client(service) as alone:
                alone.send(request)
                expected = plain(alone.answer(bodiless=bodiless))
            client.send(request)
            answer = plain(client.answer(bodiless=bodiless))
            assert answer is not None, request
            assert answer == expected, request
            if b"connection: close" in answer.head:
                assert client.ends()
                return
