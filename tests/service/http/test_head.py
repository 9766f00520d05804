"""A request's head: what could be read in two ways is refused, by its own reason."""

import pytest

from service.errors import HeadersTooLargeError, HttpVersionError, MalformedError, ServiceError
from service.http.head import MAX_HEAD_BYTES, ONCE, Headers, check, target

HOST = (b"host", b"x")


def refusal(
    *headers: tuple[bytes, bytes], version: str = "1.1", url: bytes = b"/", read: bytes | None = None
) -> ServiceError | None:
    """Return what refuses a head, if anything does."""
    line = b"GET %b HTTP/%b\r\n" % (url, version.encode())
    try:
        check(version, b"GET", url, list(headers), line if read is None else read)
    except ServiceError as error:
        return error
    return None


@pytest.mark.parametrize(
    ("version", "headers"),
    [
        ("1.1", [HOST]),
        ("1.0", [HOST]),
        ("1.0", []),
        ("1.1", [(b"host", b"")]),
        ("1.1", [HOST, (b"transfer-encoding", b" Chunked ")]),
        ("1.1", [HOST, (b"accept", b"a"), (b"accept", b"b")]),
        ("1.1", [HOST, *((name, b"x") for name in ONCE if name != b"host")]),
    ],
)
def test_what_is_unusual_and_clear_is_taken(version: str, headers: Headers) -> None:
    """HTTP/1.0 needs no Host, and a list may come in several headers."""
    assert refusal(*headers, version=version) is None


@pytest.mark.parametrize("name", ONCE)
def test_what_decides_who_asks_or_how_it_is_read_comes_once(name: bytes) -> None:
    """A proxy may take the first of two, and we the last."""
    given = (name, b"1")
    refused = refusal(HOST, given) if name == b"host" else refusal(HOST, given, given)
    assert isinstance(refused, MalformedError)
    assert str(refused) == f"more than one {name.decode()} header"


@pytest.mark.parametrize(
    ("version", "headers", "said"),
    [
        ("1.1", [], "wanted a Host header"),
        ("1.0", [(b"transfer-encoding", b"chunked")], "HTTP/1.0 has none"),
        ("1.1", [HOST, (b"transfer-encoding", b"gzip, chunked")], "wanted chunked"),
        ("1.1", [HOST, (b"transfer-encoding", b"identity")], "wanted chunked"),
        ("1.1", [HOST, (b"transfer-encoding", b"")], "wanted chunked"),
    ],
)
def test_a_body_that_could_end_in_two_places_is_refused(version: str, headers: Headers, said: str) -> None:
    """By a coding that HTTP/1.0 does not have, or that is not ours; and so is a missing Host."""
    refused = refusal(*headers, version=version)
    assert isinstance(refused, MalformedError)
    assert said in str(refused)


@pytest.mark.parametrize("version", ["0.9", "2.0", "1.2", ""])
def test_other_versions_are_refused_by_their_number(version: str) -> None:
    """Whatever else is wrong with them."""
    assert isinstance(refusal(version=version), HttpVersionError)


@pytest.mark.parametrize(("protocol", "version"), [(b"RTSP", "1.0"), (b"ICE", "1.0"), (b"RTSP", "1.1")])
def test_another_protocol_of_the_same_version_is_refused(protocol: bytes, version: str) -> None:
    """The parser reads its number and not its name; a path that looks like it is a path."""
    line = b"GET  /a?b=(c)  %b/%b\r\n" % (protocol, version.encode())
    assert isinstance(refusal(HOST, version=version, url=b"/a?b=(c)", read=line), HttpVersionError)
    path = b"/%b/1.0" % protocol
    assert refusal(HOST, version=version, url=path) is None


def test_a_head_may_be_so_long_and_no_longer() -> None:
    """Counted as it is sent: the URL, and each header with its colon, blank and line end."""
    room = MAX_HEAD_BYTES - len(b"/host: x\r\na: \r\n")
    assert refusal(HOST, (b"a", b"v" * room)) is None
    assert isinstance(refusal(HOST, (b"a", b"v" * (room + 1))), HeadersTooLargeError)


@pytest.mark.parametrize(
    ("url", "path", "query"),
    [
        (b"/predict", b"/predict", b""),
        (b"/a%20b?x=1?y", b"/a%20b", b"x=1?y"),
        (b"//evil.example/a", b"//evil.example/a", b""),
        (b"*", b"*", b""),
        (b"http://x:80/a?b", b"/a", b"b"),
        (b"http://x", b"/", b""),
    ],
)
def test_a_target_is_a_path_or_names_the_host_too(url: bytes, path: bytes, query: bytes) -> None:
    """RFC 9112 3.2; two slashes at its start are no host."""
    assert target(url) == (path, query)
