"""Each route with each kind of key, from outside; and HTTPS."""

import hashlib
import http.client
import json
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.gate.access import POLICY, Access
from service.paths import UNLOAD
from tests.e2e.raw import doubled
from tests.e2e.running import Service, wait_for

ROW = [1.0] * 30
POSTED = ("/predict", "infer", "index", "load", "unload")
HEADERS: dict[str, dict[str, str]] = {
    "none": {},
    "wrong": {"Authorization": "Bearer wrong"},
    "predict": {"Authorization": "Bearer predict-key"},
    "admin": {"X-API-Key": "admin-key"},
}
REFUSED = {
    Access.OPEN: {},
    Access.METRICS: {"none": 401, "wrong": 401},
    Access.PREDICT: {"none": 401, "wrong": 401},
    Access.ADMIN: {"none": 401, "wrong": 401, "predict": 403},
}


def line(key: str) -> str:
    """Return a keys file's line for `key`."""
    return f"someone:{hashlib.sha256(key.encode()).hexdigest()}\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the keys files lie."""
    folder = tmp_path_factory.mktemp("keys")
    (folder / "predict").write_text(line("predict-key"))
    (folder / "admin").write_text(line("admin-key"))
    return folder


@pytest.fixture(scope="module")
def guarded(share: Callable[..., Service], folder: Path) -> Service:
    """A service with both kinds of keys, and closed metrics."""
    return share(
        api_keys_file=folder / "predict",
        admin_keys_file=folder / "admin",
        metrics_open="false",
        model_control="explicit",
    )


def request(service: Service, template: str, kind: str) -> httpx.Response:
    """Ask for a route with one kind of key."""
    model = "other" if template == UNLOAD else "breast-cancer"  # which the others ask for
    path = template.format(model=model, version="1", asset="page.css")
    method = "POST" if template.endswith(POSTED) else "GET"
    body: dict[str, Any] = {"json": {"instances": [ROW]}} if template == "/predict" else {}
    return service.http.request(method, path, headers=HEADERS[kind], **body)


@pytest.mark.parametrize("template", POLICY)
def test_each_route_with_each_kind_of_key(guarded: Service, template: str) -> None:
    """The policy table holds: a refusal is 401 or 403 as it says, and whoever may is not refused."""
    for kind in HEADERS:
        answer = request(guarded, template, kind)
        wanted = REFUSED[POLICY[template]].get(kind)
        if wanted is None:
            assert answer.status_code not in (401, 403, 500), (kind, answer.text)
            continue
        assert answer.status_code == wanted, (kind, answer.text)
        assert answer.json()["code"] == {401: "unauthorized", 403: "forbidden"}[wanted]
        assert answer.json()["request_id"] == answer.headers["x-request-id"]
        assert (answer.headers.get("www-authenticate") == "Bearer") == (wanted == 401)


def test_what_no_route_takes_is_closed_too(guarded: Service) -> None:
    """Without a key nobody learns which paths there are."""
    assert guarded.http.get("/nope").status_code == 401
    assert guarded.http.get("/nope", headers=HEADERS["predict"]).status_code == 404
    assert guarded.http.get("/predict", headers=HEADERS["predict"]).status_code == 405


def test_a_wrong_key_is_refused_before_the_body_is_parsed(guarded: Service) -> None:
    """The answer to nonsense without a key is about the key, on a connection that goes on."""
    assert guarded.http.post("/predict", content=b"nonsense").status_code == 401
    assert guarded.http.post("/predict", content=b"nonsense", headers=HEADERS["admin"]).status_code == 400


def test_without_keys_everything_but_the_admin_routes_is_open(service: Service) -> None:
    """The admin routes are not there, whatever key comes."""
    for template, access in POLICY.items():
        for kind in HEADERS:
            status = request(service, template, kind).status_code
            assert status == 404 if access is Access.ADMIN else status not in (401, 403, 500), template


def test_the_description_asks_for_keys_where_the_service_does(guarded: Service, service: Service) -> None:
    """Each guarded operation names both ways to send a key, and its 401; without keys there is nothing."""
    document = guarded.http.get("/openapi.json", headers=HEADERS["predict"]).json()
    assert set(document["components"]["securitySchemes"]) == {"bearer", "key"}
    for path, methods in document["paths"].items():
        for operation in methods.values():
            closed = POLICY[path] is not Access.OPEN
            assert ("security" in operation) == ("401" in operation["responses"]) == closed, path
    assert "securitySchemes" not in service.http.get("/openapi.json").json()["components"]


def test_keys_rotate_without_a_restart(guarded: Service, folder: Path) -> None:
    """A replaced file counts within seconds in every process; a broken one changes nothing, and is logged."""
    mine = {"X-API-Key": "next-key"}

    def status() -> int:
        return httpx.get(f"{guarded.url}/info", headers=mine).status_code

    assert status() == 401
    (folder / "next").write_text(line("predict-key") + line("next-key"))
    (folder / "next").rename(folder / "predict")
    wait_for(lambda: all(status() == 200 for _ in range(10)), every_s=0.2)
    (folder / "predict").write_text("broken\n")
    wait_for(lambda: status() == 200 and "the keys stay as they were" in guarded.log(), every_s=0.2)
    assert "predict-key" not in guarded.log()


def test_https(start: Any, tmp_path: Path) -> None:
    """With a certificate the service speaks TLS, refusals that end a connection included."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    named = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(["openssl", "req", *made, *named, *files], check=True, capture_output=True)
    service = start(ready=False, ssl_certfile=certificate, ssl_keyfile=key)
    trusting = ssl.create_default_context(cafile=certificate)
    with httpx.Client(base_url=f"https://127.0.0.1:{service.port}", verify=trusting) as client:

        def ready() -> bool:
            try:
                return client.get("/readyz").status_code == 200
            except httpx.TransportError:
                return False

        wait_for(ready, 60)
        assert client.post("/predict", json={"instances": [ROW]}).status_code == 200
        assert client.get("/" + "a" * 10_000).status_code == 414
        assert client.post("/predict", json={"instances": [ROW]}).status_code == 200
    service.http.close()
    service.main.terminate()
    assert service.main.wait(30) == 0


def test_a_bad_certificate_stops_the_start_with_one_line(start: Any, tmp_path: Path) -> None:
    """The line names the setting and the file."""
    nonsense = tmp_path / "certificate.pem"
    nonsense.write_text("nonsense")
    wrong = [
        ({"ssl_certfile": nonsense}, "SERVICE_SSL_CERTFILE"),
        ({"ssl_certfile": tmp_path / "nowhere"}, "SERVICE_SSL_CERTFILE"),
        ({"ssl_keyfile": nonsense}, "SERVICE_SSL_KEYFILE"),
    ]
    for service, name in [(start(ready=False, **settings), name) for settings, name in wrong]:
        assert service.main.wait(30) == 1
        [line] = service.log().splitlines()
        assert line.startswith(f"error: {name}=")


@pytest.mark.parametrize("template", POLICY)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_slash_too_many_is_an_unknown_path(guarded: Service, template: str, method: str) -> None:
    """Behind a path, before it or in it: without a key 401, with one 404, never a redirect, never served."""
    model = "other" if template == UNLOAD else "breast-cancer"  # which the others ask for
    path = template.format(model=model, version="1", asset="page.css")
    behind_or_before = (f"{path}/", f"/{path}", f"/{path}/", f"{path}//", f"{path}%2F", f"/%2F{path[1:]}")
    # Not by httpx, which takes what follows two slashes for a host.
    connection = http.client.HTTPConnection("127.0.0.1", guarded.port, timeout=30)
    for wrong in (*behind_or_before, *doubled(path)):
        for kind, status in (("none", 401), ("wrong", 401), ("predict", 404), ("admin", 404)):
            connection.request(method, wrong, "{}", HEADERS[kind])
            answer = connection.getresponse()
            body = json.loads(answer.read())
            assert (answer.status, body["request_id"]) == (status, answer.headers["x-request-id"]), wrong
            assert "location" not in answer.headers
    connection.close()
