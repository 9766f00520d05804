"""A head that repeats: what is read of it without the parser is what the parser reads."""

import httptools
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from service.http.known import MAX_BYTES, MAX_LINES, TRIES, KnownHead

NAMES = [
    b"Host",
    b"X-Request-Id",
    b"traceparent",
    b"Content-Type",
    b"Authorization",
    b"Accept",
    b"Connection",
]
BODY = b'{"instances": [[1, 2]]}'


class Parsed:
    """What llhttp reads of one whole request."""

    def __init__(self, data: bytes) -> None:
        self.url = self.body = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.requests = 0
        httptools.HttpRequestParser(self).feed_data(data)

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.requests += 1


def post(*headers: tuple[bytes, bytes], body: bytes = BODY, url: bytes = b"/predict") -> bytes:
    """Return a request with these headers and its length."""
    lines = [b"POST %b HTTP/1.1" % url, b"Host: x"]
    lines += [b"%b: %b" % header for header in headers]
    return b"\r\n".join([*lines, b"Content-Length: %d" % len(body), b"", body])


def learn(*requests: bytes) -> KnownHead:
    """Return what is known after these requests."""
    known = KnownHead()
    for request in requests:
        parsed = Parsed(request)
        known.learn(request, parsed.url, parsed.headers)
    return known


def test_a_head_is_known_from_the_second_time_on() -> None:
    """One that comes once is not worth it."""
    assert learn(post()).read(post()) is None
    known = learn(post(), post())
    assert known.read(post()) == (b"/predict", {b"host": b"x", b"content-length": b"23"}, BODY)


def test_a_head_is_known_with_each_first_line_that_was_read() -> None:
    """A client asks many models in turn; a line that was never read is left to the parser."""
    urls = [b"/models/m%d/predict" % number for number in range(MAX_LINES)]
    known = learn(*[post(url=url) for url in urls])
    for url in urls:
        found = known.read(post(url=url))
        assert found is not None
        assert found[0] == url
    assert known.read(post(url=b"/models/m/predict")) is None
    late = post(url=b"/models/late/predict")
    known.learn(late, b"/models/late/predict", Parsed(late).headers)
    assert known.read(late) is None
    assert known.read(post(url=urls[0])) is not None


def test_what_differed_may_differ_again() -> None:
    """A length and an id."""
    known = learn(post((b"X-Request-Id", b"a")), post((b"X-Request-Id", b"b-2"), body=b"{}"))
    found = known.read(post((b"X-Request-Id", b"cc"), body=b"[[1]]"))
    assert found is not None
    assert found[1:] == ({b"host": b"x", b"x-request-id": b"cc", b"content-length": b"5"}, b"[[1]]")
    assert known.read(post((b"x-request-id", b"cc"))) is None


@pytest.mark.parametrize(
    "value", [b"", b" a", b"a ", b"a\tb", b"a\x00b", b"a\nb", b"a\r\nX: y", b"\xe9", b"a" * 300]
)
def test_a_value_that_is_not_plainly_one_is_left_to_the_parser(value: bytes) -> None:
    """It may end the header, or not be allowed in one."""
    known = learn(post((b"X-Request-Id", b"a")), post((b"X-Request-Id", b"b")))
    assert known.read(post((b"X-Request-Id", value))) is None


@pytest.mark.parametrize(
    "request_",
    [
        post(body=BODY) + b"x",
        post(body=BODY)[:-1],
        post(body=BODY) + post(body=BODY),
        post(url=b"/other"),
        post((b"X-New", b"y")),
        post().replace(b"Host: x", b"Host: y"),
        post().replace(b"Host", b"host"),
        post().replace(b"Length: 23", b"Length: 023"),
        post().replace(b"Length: 23", b"Length: +23"),
        post().replace(b"HTTP/1.1", b"HTTP/1.0"),
        post().replace(b"\r\n\r\n", b"\n\n"),
        b"\r\n" + post(),
    ],
)
def test_what_differs_otherwise_is_left_to_the_parser(request_: bytes) -> None:
    """Another length than the body's, more than one request, and any other byte."""
    assert learn(post(body=b"{}"), post()).read(request_) is None


@pytest.mark.parametrize(
    ("name", "values"),
    [
        (b"Connection", (b"keep-alive", b"close")),
        (b"Expect", (b"100-continue", b"100-continue")),
        (b"Upgrade", (b"h2c", b"h2c")),
        (b"Transfer-Encoding", (b"chunked", b"chunked")),
    ],
)
def test_what_says_how_a_message_is_read_is_not_remembered(name: bytes, values: tuple[bytes, bytes]) -> None:
    """Neither a head with it, nor that it varies."""
    known = KnownHead()
    for value in values:
        headers = [(b"host", b"x"), (name.lower(), value), (b"content-length", b"23")]
        known.learn(post((name, value)), b"/predict", headers)
    assert all(known.read(post((name, value))) is None for value in values)


def test_a_head_that_names_one_thing_twice_is_not_remembered() -> None:
    """Which of them counts is the parser's and the checks' to say."""
    twice = post((b"Accept", b"a"), (b"Accept", b"b"))
    assert learn(twice, twice).read(twice) is None


def test_a_head_after_an_empty_line_is_not_remembered() -> None:
    """It is not where its lines are looked for."""
    late = b"\r\n" + post()
    assert learn(late, late).read(late) is None


def test_a_long_head_is_not_remembered() -> None:
    """Every open connection may hold one."""
    long = post((b"X-Long", b"a" * MAX_BYTES))
    assert learn(long, long).read(long) is None


def test_a_connection_that_never_repeats_is_learnt_from_a_few_times() -> None:
    """What cannot be recognised costs nothing for long; what was known by then stays."""
    different = [post((b"X-%d" % number, b"a")) for number in range(TRIES + 1)]
    assert learn(*different, post(), post()).read(post()) is None
    different = [post((b"X-%d" % number, b"a")) for number in range(TRIES - 1)]
    assert learn(*different, post(), post(), different[0]).read(post()) is not None


def sequences() -> st.SearchStrategy[list[bytes]]:
    """Return requests with the same few headers, whose values are often plain and often the same."""
    spelt = [case for name in NAMES for case in (name, name.lower(), name.upper())]
    nearly = st.text("ab:, \t-\r\n\0\xe9", max_size=4).map(lambda value: value.encode("latin-1"))
    values = st.sampled_from([b"a", b"a", b"b", b"a-1 b"]) | st.sampled_from([b" a", b"a ", b""]) | nearly
    bodies = st.sampled_from([b"{}", b"{}", BODY, b"", b"POST / HTTP/1.1\r\nHost: x\r\n\r\n", b"\r\n\r\n"])
    lengths = st.sampled_from([0] * 9 + [1, -1])
    urls = st.sampled_from([b"/a", b"/a", b"/a", b"/b", b"/b/c"])

    def request(headers: list[tuple[bytes, bytes]], body: bytes, length: int, url: bytes) -> bytes:
        whole = post(*headers, body=body, url=url)
        return whole.replace(b"Length: %d" % len(body), b"Length: %d" % max(0, len(body) + length))

    def alike(names: list[bytes]) -> st.SearchStrategy[list[bytes]]:
        headers = st.tuples(*(st.tuples(st.just(name), values) for name in names)).map(list)
        return st.lists(st.builds(request, headers, bodies, lengths, urls), min_size=4, max_size=8)

    return st.lists(st.sampled_from(spelt), max_size=3).flatmap(alike)


@given(sequences())
@example([post(), post(body=b""), post(body=b"\r\n\r\n")])
def test_what_is_read_is_what_the_parser_reads(sent: list[bytes]) -> None:
    """Whatever was learnt before: one whole request with the same headers, address and body."""
    known = KnownHead()
    for data in [*sent, *sent]:
        found = known.read(data)
        try:
            parsed = Parsed(data)
        except httptools.HttpParserError:
            assert found is None
            continue
        if found is not None:
            assert (parsed.requests, *found) == (1, parsed.url, dict(parsed.headers), parsed.body)
        if parsed.requests == 1:
            known.learn(data, parsed.url, parsed.headers)
