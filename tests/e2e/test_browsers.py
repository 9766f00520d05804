"""What browsers and probes ask beside GET and POST: HEAD, preflights, origins, hosts."""

import hashlib
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx
import psutil
import pytest

from service.gate.access import POLICY
from tests.e2e.raw import Client, request
from tests.e2e.running import Service, wait_for

LISTED = "https://app.example"
PREDICT_KEY, ADMIN_KEY = "predict", "admin"
BODY = b'{"instances": [%b]}' % str([1.0] * 30).encode()
PREDICTION = request(b"POST", b"/predict", body=BODY)
PROBE = request(b"GET", b"/livez")


@pytest.fixture(scope="module")
def guarded(share: Callable[..., Service], tmp_path_factory: pytest.TempPathFactory) -> Service:
    """A service with keys of both kinds and one listed origin."""
    folder = tmp_path_factory.mktemp("keys")
    files = {}
    for name, setting in ((PREDICT_KEY, "api_keys_file"), (ADMIN_KEY, "admin_keys_file")):
        path = files[setting] = folder / name
        path.write_text(f"{name}:{hashlib.sha256(name.encode()).hexdigest()}\n")
    return share(cors_origins=LISTED, model_control="explicit", **files)


def test_head_is_answered_as_get_without_the_body(service: Service) -> None:
    """On every path that GET has, errors included, and the connection goes on."""
    for template in [*POLICY, "/nope"]:
        path = re.sub(r"\{\w+\}", "1", template)
        got, head = service.http.get(path), service.http.head(path)
        assert head.status_code == got.status_code, path
        assert head.content == b""
        assert head.headers.get("content-type") == got.headers.get("content-type"), path
    assert "HEAD" in service.http.post("/livez").headers["allow"]


def test_head_asks_for_the_key_that_get_asks_for(guarded: Service) -> None:
    """And a refusal of it has no body either."""
    assert guarded.http.head("/livez").status_code == 200
    refused = guarded.http.head("/info")
    assert (refused.status_code, refused.content) == (401, b"")
    assert guarded.http.head("/info", headers={"X-API-Key": PREDICT_KEY}).status_code == 200


HEAD = b"HEAD /livez HTTP/1.1\r\n"
HEADS = {
    "another's Host": (HEAD + b"Host: evil.example\r\n\r\n", 403),
    "no Host": (HEAD + b"\r\n", 400),
    "two Hosts": (HEAD + b"Host: x\r\nHost: x\r\n\r\n", 400),
    "a header too large": (HEAD + b"Host: x\r\nX: " + b"x" * 40_000 + b"\r\n\r\n", 431),
    "too many headers": (HEAD + b"Host: x\r\n" + b"X: x\r\n" * 101 + b"\r\n", 431),
    "a target too long": (b"HEAD /" + b"x" * 9_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
    "another version": (b"HEAD /livez HTTP/1.2\r\nHost: x\r\n\r\n", 505),
    "another upgrade's Host": (
        HEAD + b"Connection: Upgrade\r\nUpgrade: h2c\r\nHost: evil.example\r\n\r\n",
        403,
    ),
}


@pytest.mark.parametrize("size", [1000, 1 << 20], ids=lambda size: f"{size} bytes a write")
@pytest.mark.parametrize(("sent", "status"), HEADS.values(), ids=HEADS)
def test_an_early_refusal_of_head_has_no_body(service: Service, sent: bytes, status: int, size: int) -> None:
    """It says how long that of GET would be, and nothing comes after its head but the connection's end."""
    with Client(service) as client:
        client.send(*(sent[place : place + size] for place in range(0, len(sent), size)))
        answer = client.answer(bodiless=True)
        assert answer is not None
        assert answer.status == status
        assert re.search(rb"^content-length: [1-9]", answer.head, re.MULTILINE)
        assert client.ends()


def test_what_follows_a_head_is_refused_with_a_body(service: Service) -> None:
    """That one request has none says nothing of the next."""
    with Client(service) as client:
        client.send(request(b"HEAD", b"/livez"))
        answer = client.answer(bodiless=True)
        assert answer is not None
        assert answer.status == 200
        client.send(b"nonsense\r\n\r\n")
        assert b'"malformed"' in client.answers(1)[0].body
        assert client.ends()


def test_every_answer_has_a_date(service: Service) -> None:
    """Of predictions, other routes, and refusals of every kind."""
    answers = [
        service.predict([1.0] * 30),
        service.predict([1.0]),
        service.http.get("/livez"),
        service.http.get("/nope"),
        service.http.get("/livez", headers={"X": "x" * 40_000}),
    ]
    assert [answer.status_code for answer in answers] == [200, 422, 200, 404, 431]
    for answer in answers:
        age = datetime.now(UTC) - parsedate_to_datetime(answer.headers["date"])
        assert abs(age.total_seconds()) < 30
        assert len(answer.headers.get_list("date")) == 1


@pytest.mark.parametrize("asked", [PREDICTION, PROBE], ids=["/predict", "/livez"])
def test_a_date_is_of_its_second(service: Service, asked: bytes) -> None:
    """It goes on while a connection stays open, on the data plane and on other routes."""
    with Client(service) as client:

        def date() -> bytes:
            client.send(asked)
            return date_of(client)

        first = date()
        changed = wait_for(lambda: (now := date()) != first and now, 10)
        assert age_s(changed) < 2


def test_a_date_is_right_after_nobody_was_there(start: Callable[..., Service]) -> None:
    """A process that had no connection for a while tells its first client the time of now."""
    alone = start(api_servers=1)
    left = time.monotonic()
    wait_for(lambda: time.monotonic() - left > 5)
    with Client(alone) as client:
        client.send(PROBE)
        assert age_s(date_of(client)) < 3


def date_of(client: Client) -> bytes:
    """Return the one Date of the next answer."""
    [date] = re.findall(rb"^date: (.*)\r\n", client.answers(1)[0].head, re.MULTILINE)
    return bytes(date)


def age_s(date: bytes) -> float:
    """Return how long ago a Date is, in seconds, whichever of both is later."""
    return abs((datetime.now(UTC) - parsedate_to_datetime(date.decode())).total_seconds())


def test_a_preflight_is_answered_on_every_route_without_a_key(guarded: Service) -> None:
    """For a listed origin; another's is refused."""
    asked = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type,x-api-key",
    }
    for template in [*POLICY, "/nope"]:
        path = re.sub(r"\{\w+\}", "1", template)
        answer = guarded.http.options(path, headers=asked | {"Origin": LISTED})
        assert answer.status_code == 204, path
        assert answer.headers["access-control-allow-origin"] == LISTED
        assert answer.headers["access-control-allow-headers"] == "content-type,x-api-key"
        assert "POST" in answer.headers["access-control-allow-methods"]
        refused = guarded.http.options(path, headers=asked | {"Origin": "https://evil.example"})
        assert refused.status_code == 403
        assert "access-control-allow-origin" not in refused.headers


def test_a_page_of_a_listed_origin_reads_every_answer(guarded: Service) -> None:
    """Refusals too, or it could not tell a 401 from a lost connection; what is cached differs by origin."""
    key = {"X-API-Key": PREDICT_KEY}

    def ask(origin: str) -> list[httpx.Response]:
        own = {"Origin": origin}
        return [
            guarded.http.post("/predict", json={"instances": [[1] * 30]}, headers=own | key),
            guarded.http.post("/predict", json={}, headers=own),
            guarded.http.post("/predict", json={}, headers=own | key),
            guarded.http.get("/info", headers=own),
            guarded.http.get("/livez", headers=own),
            guarded.http.get("/livez", headers=own | {"X": "x" * 40_000}),
        ]

    statuses = [200, 401, 422, 401, 200, 431]
    for answer, status in zip(ask(LISTED), statuses, strict=True):
        assert answer.status_code == status
        assert answer.headers["access-control-allow-origin"] == LISTED
        assert answer.headers["vary"] == "Origin"
        assert "access-control-allow-credentials" not in answer.headers
    for answer, status in zip(ask("https://evil.example"), statuses, strict=True):
        assert answer.status_code == status
        assert "access-control-allow-origin" not in answer.headers
        assert answer.headers["vary"] == "Origin"


def test_a_page_of_a_listed_origin_reads_that_it_drains(start: Callable[..., Service]) -> None:
    """The 503 of readiness is an answer too."""
    draining = start(cors_origins=LISTED, drain_s=60)
    draining.main.terminate()
    wait_for(lambda: not draining.ready())
    for path in ("/readyz", "/health", "/v2/health/ready"):
        check_refusal(draining.http.get(path, headers={"Origin": LISTED}), listed=True)
        check_refusal(draining.http.get(path, headers={"Origin": "https://evil.example"}), listed=False)


def test_a_page_of_a_listed_origin_reads_that_it_is_overloaded(start: Callable[..., Service]) -> None:
    """One request is pending and no more are taken: the refusals can be told from a lost connection."""
    full = start(cors_origins=LISTED, api_servers=1, max_pending=1)
    [worker] = full.workers()
    with Client(full) as client:
        worker.send_signal(psutil.signal.SIGSTOP)
        client.send(PREDICTION)
        wait_for(lambda: full.metric("pending_requests") == 1)
        for path in ("/predict", "/v2/models/breast-cancer/infer"):
            for origin, listed in ((LISTED, True), ("https://evil.example", False)):
                answer = full.http.post(path, content=BODY, headers={"Origin": origin})
                assert "retry-after" in answer.headers
                check_refusal(answer, listed=listed)
        worker.send_signal(psutil.signal.SIGCONT)
        assert client.answers(1)[0].status == 200


def check_refusal(answer: httpx.Response, *, listed: bool) -> None:
    """Assert that an answer is 503, and whether a page may read it."""
    assert answer.status_code == 503
    assert answer.headers.get("access-control-allow-origin") == (LISTED if listed else None)
    assert answer.headers["vary"] == "Origin"


def test_a_page_of_another_site_may_not_change_anything(guarded: Service) -> None:
    """Even with the key; a client without an Origin, a page of the service's own and a listed one may."""
    path, key = "/v2/repository/models/breast-cancer/load", {"X-API-Key": ADMIN_KEY}
    own = f"http://127.0.0.1:{guarded.port}"
    for origin, status in (("https://evil.example", 403), ("null", 403), (own, 200), (LISTED, 200)):
        assert guarded.http.post(path, headers=key | {"Origin": origin}).status_code == status, origin
    assert guarded.http.post(path, headers=key).status_code == 200


def test_without_origins_nothing_is_said_of_them(service: Service) -> None:
    """The default: no page of another site reads anything."""
    answer = service.http.get("/livez", headers={"Origin": LISTED})
    assert not {"access-control-allow-origin", "vary"} & answer.headers.keys()


def test_a_name_that_points_here_by_foreign_dns_is_refused(
    service: Service, start: Callable[..., Service], tmp_path: Path
) -> None:
    """On a loopback address without keys, unless it is listed (DNS rebinding)."""
    for path in ("/predict", "/info", "/livez"):
        answer = service.http.get(path, headers={"Host": "evil.example:8000"})
        assert answer.status_code == 403
        assert "SERVICE_ALLOWED_HOSTS" in answer.json()["error"]
    keys = tmp_path / ADMIN_KEY
    keys.write_text(f"{ADMIN_KEY}:{hashlib.sha256(ADMIN_KEY.encode()).hexdigest()}\n")
    # With admin keys alone predictions ask for none.
    settings = ({"host": "127.1"}, {"host": "localhost"}, {"admin_keys_file": keys})
    refusing = [start(ready=False, **each) for each in settings]
    listed = start(allowed_hosts="evil.example")
    for other in refusing:
        other.wait_ready()
        assert other.http.get("/info", headers={"Host": "evil.example"}).status_code == 403
    assert listed.http.get("/livez", headers={"Host": "evil.example:8000"}).status_code == 200


def test_every_origin_may_ask_where_everyone_may(start: Callable[..., Service]) -> None:
    """`*`: every page reads, without being named, and is told so before it asks."""
    open_to_all = start(cors_origins="*")
    any_origin = {"Origin": "https://any.example"}
    answer = open_to_all.http.get("/livez", headers=any_origin)
    assert answer.headers["access-control-allow-origin"] == "*"
    wanted = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    for path in ("/predict", "/v2/models/breast-cancer/infer", "/info"):
        answer = open_to_all.http.options(path, headers=any_origin | wanted)
        assert answer.status_code == 204, path
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.headers["access-control-allow-headers"] == "content-type"
        assert "POST" in answer.headers["access-control-allow-methods"]
