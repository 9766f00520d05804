"""wrk's output and errors, against real servers."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from shutil import which
from typing import ClassVar

import pytest

from tests.bench.load import Load, apply, parse
from tests.bench.workloads import Workload

OUTPUT = """\
Running 3s test @ http://127.0.0.1:8000/predict
  2 threads and 32 connections
  Non-2xx or 3xx responses: 2
{"requests": 60000, "duration_us": 3000000, "p50_us": 960, "p99_us": 4790, "refused": 2, "broken": 1}
"""


def test_parse() -> None:
    """The last line of the output becomes seconds, milliseconds and one count of errors."""
    load = parse(OUTPUT)
    assert load == Load(requests=60000, seconds=3.0, p50_ms=0.96, p99_ms=4.79, errors=3)
    assert load.rate == 20000


def test_output_without_figures() -> None:
    """An output that does not end with our line is refused."""
    with pytest.raises(ValueError, match="Expecting value"):
        parse("Running 3s test @ http://127.0.0.1:8000/predict\n")


class Picky(BaseHTTPRequestHandler):
    """Answers 200 to the request that the workload describes, 503 to every other."""

    protocol_version = "HTTP/1.1"
    seen: ClassVar[set[tuple[str, bytes]]] = set()
    paths: ClassVar[set[str]] = set()

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.paths.add(self.path)
        self.seen.add((self.headers["X-One"], body))
        expected = self.path == "/here" and self.headers["X-One"] == "1" and body == b"a\0b"
        self.send_response(200 if expected else 503)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def picky() -> Iterator[int]:
    """The port of a `Picky` server."""
    Picky.seen.clear()
    Picky.paths.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Picky) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.mark.skipif(which("wrk") is None, reason="wrk is not installed")
@pytest.mark.parametrize(("body", "fails"), [(b"a\0b", False), (b"other", True)])
def test_apply(picky: int, body: bytes, *, fails: bool) -> None:
    """Method, path, headers and a binary body arrive as described, and each refusal is counted."""
    workload = Workload("picky", "/here", (body,), (1,), (), headers=(("X-One", "1"),), method="PUT")
    load = apply(workload, picky, connections=1, seconds=1)
    assert load.requests > 0
    assert load.errors == (load.requests if fails else 0)


@pytest.mark.skipif(which("wrk") is None, reason="wrk is not installed")
def test_requests_that_differ_are_sent_in_turn(picky: int) -> None:
    """Each body comes with its own place in its header."""
    workload = Workload(
        "picky", "/here", (b"a", b"b\n", b""), (1,), (), headers=(("X-One", "<{n}>"),), method="PUT"
    )
    apply(workload, picky, connections=1, seconds=1)
    assert Picky.seen == {("<0>", b"a"), ("<1>", b"b\n"), ("<2>", b"")}


@pytest.mark.skipif(which("wrk") is None, reason="wrk is not installed")
def test_a_path_for_each_request(picky: int) -> None:
    """A path may hold the place, too."""
    body = b"a\0b"
    workload = Workload("picky", "/{n}ere", (body,), (1,), (), headers=(("X-One", "1"),), method="PUT")
    load = apply(workload, picky, connections=1, seconds=1)
    assert load.errors == load.requests > 0
    assert Picky.paths == {"/0ere"}
