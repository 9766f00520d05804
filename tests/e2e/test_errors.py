"""Every way to fail, from outside: one body, the documented status, and the next request works."""

import http.client
import json
import socket
from typing import Any

import httpx
import pytest

from models.cells import NOT_ADMITTED
from service.gate.access import POLICY
from tests.e2e.raw import doubled
from tests.e2e.running import Service, wait_for

ROW = [1.0] * 30
PREDICT = [
    (b"", 400, "malformed"),
    (b"{", 400, "malformed"),
    (b"null", 400, "malformed"),
    (b"[1, 2]", 400, "malformed"),
    (b'"text"', 400, "malformed"),
    (b'\xff\xfe{"instances": []}', 400, "malformed"),
    (b'{"instances": "\xff"}', 400, "malformed"),
    (b"[" * 100_000, 400, "malformed"),
    (b"{}", 422, "invalid"),
    (b'{"instances": []}', 422, "invalid"),
    (b'{"instances": 5}', 422, "invalid"),
    (b'{"instances": [5]}', 422, "invalid"),
    (b'{"instances": [[]]}', 422, "invalid"),
    (b'{"instances": [[1, 2]]}', 422, "invalid"),
    (b'{"instances": [{}]}', 422, "invalid"),
    (json.dumps({"instances": [ROW], "extra": 1}).encode(), 422, "invalid"),
    (json.dumps({"instances": [ROW], "id": 5.5}).encode(), 422, "invalid"),
    (json.dumps({"instances": [[True, *ROW[1:]]]}).encode(), 422, "invalid"),
    (json.dumps({"instances": [["1", *ROW[1:]]]}).encode(), 422, "invalid"),
    (json.dumps({"instances": [[None, *ROW[1:]]]}).encode(), 422, "invalid"),
    (json.dumps({"instances": [[float("nan"), *ROW[1:]]]}).encode(), 422, "invalid"),
    (json.dumps({"instances": [[float("inf"), *ROW[1:]]]}).encode(), 422, "invalid"),
    (json.dumps({"instances": [[1e39, *ROW[1:]]]}).encode(), 422, "invalid"),
    (json.dumps({"instances": [[10**400, *ROW[1:]]]}).encode(), 422, "invalid"),
    (json.dumps({"instances": [ROW, [*ROW, 1.0]]}).encode(), 422, "invalid"),
    (json.dumps({"instances": [ROW] * 4097}).encode(), 413, "too_large"),
]


def check(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Assert that an answer is an error in the one documented form, and return its body."""
    body: dict[str, Any] = answer.json()
    assert (answer.status_code, body["code"]) == (status, code), answer.text
    assert body["request_id"] == answer.headers["x-request-id"]
    assert body["error"]
    assert len(answer.content) < 1024
    assert "Traceback" not in answer.text
    return body


@pytest.mark.parametrize(("body", "status", "code"), PREDICT, ids=lambda value: repr(value)[:40])
def test_a_bad_body_is_refused_and_the_next_request_works(
    service: Service, body: bytes, status: int, code: str
) -> None:
    """Whatever is wrong with a body, the answer says so and the connection goes on."""
    check(service.http.post("/predict", content=body), status, code)
    assert service.predict(ROW).status_code == 200


def test_a_wrong_value_is_named_by_row_and_input(service: Service) -> None:
    """Row, input and reason stand in the details, for rows by position and by name."""
    answer = service.http.post("/predict", content=json.dumps({"instances": [ROW, [1.0, None, *ROW[2:]]]}))
    detail = {"row": 1, "input": "mean texture", "reason": NOT_ADMITTED}
    assert check(answer, 422, "invalid")["details"] == [detail]
    answer = service.predict([*ROW[:29], 1e39])
    detail = {"row": 0, "input": "worst fractal dimension", "reason": "too large for float32"}
    assert check(answer, 422, "invalid")["details"] == [detail]


def test_an_unknown_name_gets_a_suggestion(service: Service) -> None:
    """A misspelt input is named, with the one that was probably meant."""
    body = check(service.predict({"mean radios": 1.0}), 422, "invalid")
    details = service.predict({"mean radios": 1.0}).json()["details"]
    assert "30 problems" not in body["error"]
    assert {"row": 0, "input": "mean radius", "reason": "missing"} in details
    known = dict.fromkeys((f"x{i}" for i in range(3)), 1.0)
    assert len(check(service.predict(known), 422, "invalid")["details"]) == 5


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nope", 404, "not_found"),
        ("POST", "/nope", 404, "not_found"),
        ("POST", "/", 405, "method_not_allowed"),
        ("GET", "/predict", 405, "method_not_allowed"),
        ("PUT", "/predict", 405, "method_not_allowed"),
        ("POST", "/health", 405, "method_not_allowed"),
    ],
)
def test_unknown_paths_and_methods(service: Service, method: str, path: str, status: int, code: str) -> None:
    """What no route takes is answered in the same form."""
    check(service.http.request(method, path), status, code)


@pytest.mark.parametrize("path", ["/predict", "/v2/models/breast-cancer/infer"])
@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("multipart/form-data; boundary=x", json.dumps({"instances": [ROW]})),
        ("application/x-www-form-urlencoded", "a=1&b=2"),
        ("application/x-www-form-urlencoded", "instances=%5B%5B1%5D%5D"),
        ("Application/X-WWW-Form-Urlencoded; charset=utf-8", ""),
        ("application/x-www-form-urlencoded", "[1, 2]"),
    ],
)
def test_forms_are_refused(service: Service, path: str, kind: str, content: str) -> None:
    """A real form is not JSON, and the refusal says how to send it."""
    answer = service.http.post(path, content=content, headers={"Content-Type": kind})
    assert "application/json" in check(answer, 415, "unsupported")["error"]


def test_an_unknown_encoding_is_refused(service: Service) -> None:
    """A body that cannot be decoded is refused by the name of its encoding."""
    answer = service.http.post("/predict", content=b"x", headers={"Content-Encoding": "br"})
    assert '"br"' in check(answer, 415, "unsupported")["error"]


def test_a_bad_deadline_is_refused(service: Service) -> None:
    """X-Request-Timeout-Ms takes a whole number of milliseconds."""
    for wrong in ("0", "-1", "1.5", "soon", "1" * 30):
        answer = service.http.post(
            "/predict", json={"instances": [ROW]}, headers={"X-Request-Timeout-Ms": wrong}
        )
        assert "X-Request-Timeout-Ms" in check(answer, 422, "invalid")["error"]


def raw(service: Service, sent: bytes) -> bytes:
    """Send bytes on a connection of their own, and return all that comes back until it ends."""
    with socket.create_connection(("127.0.0.1", service.port), timeout=20) as client:
        client.sendall(sent)
        answer = b""
        while part := client.recv(65536):
            answer += part
    return answer


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999\r\n\r\n", 413),
        (
            b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            400,
        ),
        (b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", 400),
        (b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET /livez HTTP/1.1\r\n" + b"a: b\r\n" * 10_000 + b"\r\n", 431),
        (b"GET /livez HTTP/1.1\r\na: " + b"b" * 1_000_000, 431),
    ],
    ids=["nonsense", "length", "both-lengths", "two-lengths", "url", "many-headers", "long-header"],
)
def test_a_bad_request_is_answered_and_the_connection_closed(
    service: Service, sent: bytes, status: int
) -> None:
    """What is no acceptable HTTP gets its error as JSON, and then the end of the connection."""
    head, _, body = raw(service, sent).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status), head
    assert b"connection: close" in head.lower()
    assert json.loads(body)["code"] in ("malformed", "too_large")
    assert service.predict(ROW).status_code == 200


def test_pipelined_requests_are_answered_in_order(service: Service) -> None:
    """Requests sent at once on one connection, of both kinds, get their answers in their order."""
    body = json.dumps({"instances": [ROW]}).encode()
    head = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\nX-Request-Id: n%d\r\n\r\n"
    probe = b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Request-Id: n%d\r\n\r\n"
    sent = b"".join(
        probe % i if i % 3 == 0 else head % (len(body), i) + (body if i % 3 == 1 else body[:-1] + b"x")
        for i in range(99)
    )
    answer = raw(
        service, sent + b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Request-Id: n99\r\nConnection: close\r\n\r\n"
    )
    ids = [line.split()[-1] for line in answer.split(b"\r\n") if line.startswith(b"x-request-id")]
    assert ids == [b"n%d" % i for i in range(100)]
    assert answer.count(b"HTTP/1.1 200 ") == 67
    assert answer.count(b"HTTP/1.1 400 ") == 33


@pytest.mark.parametrize("template", POLICY)
def test_a_slash_too_many_is_counted_as_unmatched(service: Service, template: str) -> None:
    """Behind a path, before it or in it: 404 in the one form without keys, and no series of its own."""
    path = template.format(model="breast-cancer", version="1", asset="page.css")
    nameless = template.format(model="", version="", asset="")
    wrongs = {f"{path}/", f"/{path}", nameless, *doubled(path)} - {template}
    before = service.metric("http_requests_total", route="unmatched", code="404")
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
    asked = [(method, wrong) for method in ("GET", "POST") for wrong in wrongs]
    for method, wrong in asked:
        connection.request(method, wrong, "{}")
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())["code"]) == (404, "not_found"), (method, wrong)
        assert "location" not in answer.headers
    connection.close()
    # A scrape waits for the other process's counts, but not for a machine that has no time for it.
    counted = before + len(asked)
    wait_for(lambda: service.metric("http_requests_total", route="unmatched", code="404") == counted)
