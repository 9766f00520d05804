"""Hostile requests: each is answered as documented, and the next request works."""

import json
import socket
import time
from typing import Any

import httpx
import pytest

from tests.e2e.running import Service, wait_for

ROW = [1.0] * 30
GOOD = json.dumps({"instances": [ROW]}).encode()
HEAD = b"POST /predict HTTP/1.1\r\nHost: x\r\n"
GENEROUS_S = 5.0
"""100 ms on a quiet machine; a test is not a stopwatch, but seconds would be a fault."""


def talk(service: Service, *parts: bytes) -> tuple[int, dict[str, Any], float]:
    """Send bytes, and return status and body of the last answer, and how many seconds it took to come."""
    with socket.create_connection(("127.0.0.1", service.port), timeout=20) as client:
        for part in parts:
            client.sendall(part)
        sent = time.monotonic()
        answer = b""
        while received := client.recv(65536):
            answer += received
            took = time.monotonic() - sent
    head, _, body = answer[answer.rindex(b"HTTP/1.1 ") :].partition(b"\r\n\r\n")
    assert len(body) < 1024
    return int(head.split()[1]), json.loads(body), took


@pytest.mark.parametrize(
    ("sent", "statuses"),
    [
        (HEAD + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", {400}),
        (HEAD + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", {400}),
        (HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", {400}),
        (HEAD + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", {400}),
        (HEAD + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", {400}),
        (HEAD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n", {400}),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n", {400}),
        (HEAD + b"Content-Length: -1\r\n\r\n", {400}),
        (HEAD + b"Content-Length: 1e3\r\n\r\n", {400}),
        (HEAD + b"Content-Length: " + b"9" * 40 + b"\r\n\r\n", {400, 413}),
        (b"POST /predict HTTP/1.1\nHost: x\nContent-Length: 0\n\n", {400}),
        (HEAD + b"X-Name: a\rb\r\n\r\n", {400}),
        (HEAD + b"X-Name: a\0b\r\n\r\n", {400}),
        (HEAD + b"X-Na\0me: a\r\n\r\n", {400}),
        (HEAD + b" X-Folded: a\r\n\r\n", {400}),
        (b"GET /a\0b HTTP/1.1\r\nHost: x\r\n\r\n", {400}),
        (b"GET /\r\nX: y HTTP/1.1\r\n\r\n", {505}),  # a request of HTTP/0.9, and a header
        (b"BREW /predict HTTP/1.1\r\nHost: x\r\n\r\n", {400}),
        (b"GET /livez HTTP/9.9\r\nHost: x\r\n\r\n", {505}),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {505}),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", {400}),
    ],
    ids=lambda value: repr(value)[-40:] if isinstance(value, bytes) else "",
)
def test_what_is_no_http_is_refused_and_the_connection_ends(
    service: Service, sent: bytes, statuses: set[int]
) -> None:
    """Whatever two parsers could read in two ways is a 4xx and the end of the connection."""
    status, body, took = talk(service, sent)
    assert status in statuses
    assert body["code"] in ("malformed", "too_large", "unsupported")
    assert took < GENEROUS_S
    assert service.predict(ROW).status_code == 200


def test_a_body_over_the_limit_is_refused_before_it_is_read(start: Any) -> None:
    """By its length, by chunks, and by chunks of one byte, all with a connection that ends."""
    service = start(max_body_bytes=10_000, api_servers=1)
    announced = talk(service, HEAD + b"Content-Length: 100000000\r\n\r\n")
    chunked = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    chunks = talk(service, chunked, *[b"1000\r\n" + b" " * 4096 + b"\r\n"] * 3)
    bytes_one_by_one = talk(service, chunked, b"1\r\n \r\n" * 10_001)
    for status, body, took in (announced, chunks, bytes_one_by_one):
        assert (status, body["code"]) == (413, "too_large")
        assert took < GENEROUS_S
    assert service.predict(ROW).status_code == 200
    assert service.http.post("/predict", content=b" " * (10_000 - len(GOOD)) + GOOD).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/v2/models/../etc",
        "/v2/models/%2e%2e",
        "/v2/models/..%2fetc/infer",
        "/v2/models/a%2f..%2fb/infer",
        "/v2/models/breast-cancer/versions/../../etc",
        "/v2/models//infer",
        "/v2/models/" + "a" * 300,
        "/v2/models/breast-cancer/versions/%00",
        "/v2/models/%ff%fe/infer",
        "/v2/models/breast-cancer/versions/" + "1" * 300 + "/infer",
    ],
)
def test_no_path_leads_out_of_the_store(service: Service, path: str) -> None:
    """A model or version is compared with what is served, and never looked up."""
    for method in (b"GET", b"POST"):
        sent = b"%b %b HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
        status, body, _ = talk(service, sent % (method, path.encode()))
        assert status in (400, 404, 405)
        assert body["code"] in ("malformed", "not_found", "method_not_allowed")


@pytest.mark.parametrize("mode", ["fail", "report"])
@pytest.mark.parametrize(
    "row",
    [
        {f"wrong name {i}": 1.0 for i in range(30)},
        dict.fromkeys(("n" * 100 + str(i) for i in range(10)), 1),
        ["x"] * 30,
        [1e39] * 30,
        {'\u2028\x00\x1b[2J"\\': 1},
    ],
    ids=["names", "long-names", "strings", "overflow", "control-characters"],
)
def test_the_most_rows_that_are_all_wrong(service: Service, row: Any, mode: str) -> None:
    """4,096 wrong rows cost no more than reading them, and are answered in the documented form."""
    content = json.dumps({"instances": [row] * 4096, "on_error": mode}).encode()
    started = time.monotonic()
    answer = service.http.post("/predict", content=content)
    assert time.monotonic() - started < GENEROUS_S
    if mode == "fail":
        assert answer.status_code == 422
        assert len(answer.content) < 1024
        assert "problems, the first are named" in answer.json()["error"]
    else:
        predictions = answer.json()["predictions"]
        assert len(predictions) == 4096
        assert {prediction["error"] for prediction in predictions} == {"invalid"}


@pytest.mark.parametrize(
    "content",
    [
        b'{"instances": [' + b"[]," * 2_000_000 + b"[]]}",
        b'{"instances": [[' + b"1," * 3_000_000 + b"1]]}",
        b"{" + b",".join(b'"%d":1' % i for i in range(100_000)) + b"}",
        b'{"a":' * 500_000,
        b'{"instances": [[' + b",".join([b"9" * 4000] * 1500) + b"]]}",
    ],
    ids=["rows", "values", "fields", "nesting", "digits"],
)
def test_megabytes_of_nonsense(service: Service, content: bytes) -> None:
    """A body within the limit that no request needs is refused without seconds of parsing."""
    started = time.monotonic()
    answer = service.http.post("/predict", content=content)
    assert time.monotonic() - started < GENEROUS_S
    assert answer.status_code in (400, 413, 422)
    assert len(answer.content) < 1024


def test_numbers_that_overflow_in_the_model_are_the_rows_fault(service: Service) -> None:
    """What float32 holds but the model cannot add up is no 5xx, no NaN, and no harm to its batch mates."""
    wild = [3e38 * (-1) ** i for i in range(30)]
    for row in (wild, [3.4e38] * 30, [-3.4e38] * 30):
        answer = service.predict(row)
        assert answer.status_code in (200, 422), answer.text
        assert "NaN" not in answer.text
        assert service.predict(row, explain=True).status_code in (200, 422)
    mixed = service.predict(ROW, wild, ROW, on_error="report").json()["predictions"]
    assert mixed[0] == mixed[2]


def test_a_report_without_a_good_row_needs_no_worker(service: Service) -> None:
    """It is answered 200, and no row is scored for it."""
    before = service.metric("rows_total")
    answer = service.predict([1], {}, None, on_error="report")
    assert answer.status_code == 200
    assert [entry["error"] for entry in answer.json()["predictions"]] == ["invalid"] * 3
    assert service.metric("rows_total") == before
    assert service.metric("pending_requests") == 0


def test_a_strange_request_makes_one_log_line_without_its_values(start: Any) -> None:
    """The line has what an operator greps for, escaped; no value of an input is in it."""
    service = start(api_servers=1, log_format="json")
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    service.http.post(
        "/predict",
        json={"instances": [["secret-value", *ROW[1:]]]},
        headers={"X-Request-Id": "mine-1", "traceparent": trace},
    )
    service.http.get("/a%0d%0ab%00", headers={"X-Request-Id": "mine-2"})

    def logged() -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in service.log().splitlines()]
        return [line for line in lines if line.get("request_id", "").startswith("mine-")]

    # A line may be written just after its answer was read.
    wait_for(lambda: len(logged()) >= 2)
    first, second = sorted(logged(), key=lambda line: line["request_id"])
    assert (first["status"], first["code"], first["route"]) == (422, "invalid", "/predict")
    assert first["traceparent"] == trace
    assert (second["status"], second["route"]) == (404, "unmatched")
    assert "secret" not in service.log()


def test_paths_and_methods_that_nobody_takes_add_no_time_series(service: Service) -> None:
    """10,000 unknown paths are one series, and so are odd methods."""

    def series() -> set[str]:
        lines = service.http.get("/metrics").text.splitlines()
        return {
            line.rpartition(" ")[0] for line in lines if line.startswith("logitserve_http_requests_total")
        }

    service.http.get("/metrics")
    before = series()
    sent = b"".join(b"GET /nope/%d HTTP/1.1\r\nHost: x\r\n\r\n" % i for i in range(100))
    last = b"GET /nope HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    for _ in range(100):
        assert talk(service, sent + last)[0] == 404
    assert len(series() - before) <= 1
    before = series()
    for method in ("PROPFIND", "MKCOL", "TRACE", "PUT", "DELETE", "SEARCH", "OPTIONS"):
        for path in ("/predict", "/livez", "/metrics", "/v2"):
            assert service.http.request(method, path).status_code == 405
    assert len(series() - before) <= 1


def test_a_client_that_says_it_accepts_nothing_is_answered(service: Service) -> None:
    """Accept, Expect and an empty Host change nothing."""
    headers = {"Accept": "image/png", "Expect": "100-continue", "Host": ""}
    assert httpx.post(f"{service.url}/predict", content=GOOD, headers=headers).status_code == 200
