"""What surrounds every route of the app: keys, origins, one form of errors, the accounts."""

import hashlib
import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.responses import PlainTextResponse

from service.app.gatekeeper import Gatekeeper
from service.errors import InvalidError
from service.gate.accounting import UNMATCHED
from tests.service.app.asked import Asked

ORIGIN = "https://app.example"


class App:
    """Answers, or raises what it is told to."""

    def __init__(self) -> None:
        self.methods: list[str] = []
        self.error: Exception | None = None
        self.begun = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.methods.append(scope["method"])
        scope["route"] = SimpleNamespace(path="/seen/{name}")
        if self.begun:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        if self.error is not None:
            raise self.error
        await PlainTextResponse("yes")(scope, receive, send)


@pytest.fixture
def app() -> App:
    """What the gatekeeper surrounds."""
    return App()


def test_every_answer_has_an_id_and_is_counted(app: App) -> None:
    """Under its route's template, with the id that the request brought."""
    asked = Asked(Gatekeeper(app))
    answer = asked.get("/livez", headers={"X-Request-Id": "mine"})
    assert (answer.status_code, answer.text) == (200, "yes")
    assert (answer.headers["x-request-id"], answer.headers["date"]) == ("mine", "today")
    assert asked.counted == [("/seen/{name}", "GET", 200)]


def test_a_head_is_a_get_without_its_body_and_is_counted_as_it_came(app: App) -> None:
    """Routes need not know of it."""
    asked = Asked(Gatekeeper(app))
    assert asked.ask("HEAD", "/livez").status_code == 200
    assert app.methods == ["GET"]
    assert asked.counted == [("/seen/{name}", "HEAD", 200)]


def test_what_is_refused_has_the_one_form(app: App) -> None:
    """Status, code and the request's id."""
    asked = Asked(Gatekeeper(app))
    app.error = InvalidError("wrong")
    answer = asked.get("/livez", headers={"X-Request-Id": "mine"})
    assert answer.status_code == 422
    assert answer.json() == {"error": "wrong", "code": "invalid", "request_id": "mine"}
    assert asked.counted == [("/seen/{name}", "GET", 422)]


def test_a_bug_is_logged_and_not_told(app: App, caplog: pytest.LogCaptureFixture) -> None:
    """But where an answer has begun: nothing else can be said than that it is broken off."""
    asked = Asked(Gatekeeper(app))
    app.error = ZeroDivisionError("secret")
    answer = asked.get("/livez")
    assert answer.status_code == 500
    assert answer.json()["code"] == "internal"
    assert "secret" not in answer.text
    app.begun = True
    with pytest.raises(ZeroDivisionError):
        asked.get("/livez")
    assert [record.levelno for record in caplog.records if record.exc_info] == [logging.ERROR] * 2


@pytest.mark.parametrize("path", ["/livez", "/info", "/v2/repository/models/m/load"])
def test_a_key_is_asked_for_before_the_app(app: App, tmp_path: Path, path: str) -> None:
    """By what the path asks for; the refusal is counted as of no route."""
    keys = {}
    for kind in ("api", "admin"):
        (tmp_path / kind).write_text(f"someone:{hashlib.sha256(kind.encode()).hexdigest()}\n")
        keys[f"{kind}_keys_file"] = tmp_path / kind
    asked = Asked(Gatekeeper(app), **keys)
    wanted = {"/livez": [200, 200, 200], "/info": [401, 200, 200]}.get(path, [401, 403, 200])
    sent: list[dict[str, str]] = [{}, {"X-API-Key": "api"}, {"X-API-Key": "admin"}]
    assert [asked.get(path, headers=headers).status_code for headers in sent] == wanted
    assert len(app.methods) == wanted.count(200)
    refused = [(UNMATCHED, "other", status) for status in wanted if status != 200]
    assert [count for count in asked.counted if count[0] == UNMATCHED] == refused


def test_a_preflight_is_answered_without_the_app(app: App) -> None:
    """It brings no key; a page of another origin is refused, and an OPTIONS without one is the app's."""
    asked = Asked(Gatekeeper(app), cors_origins=ORIGIN)
    wants = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-api-key"}
    answer = asked.ask("OPTIONS", "/predict", headers={"Origin": ORIGIN, **wants})
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert answer.headers["access-control-allow-headers"] == "x-api-key"
    foreign = {"Origin": "https://evil.example", **wants}
    assert asked.ask("OPTIONS", "/predict", headers=foreign).status_code == 403
    assert app.methods == []
    assert asked.ask("OPTIONS", "/predict", headers={"Origin": ORIGIN}).status_code == 200
    assert asked.get("/livez", headers={"Origin": ORIGIN}).headers["access-control-allow-origin"] == ORIGIN


def test_a_page_of_another_site_changes_nothing_with_a_good_key(app: App, tmp_path: Path) -> None:
    """A browser may have been told the key, the page of another site may use it."""
    (tmp_path / "admin").write_text(f"someone:{hashlib.sha256(b'admin').hexdigest()}\n")
    asked = Asked(Gatekeeper(app), admin_keys_file=tmp_path / "admin")
    for origin, status in (("https://evil.example", 403), ("http://x", 200)):
        headers = {"X-API-Key": "admin", "Origin": origin}
        assert asked.ask("POST", "/v2/repository/models/m/load", headers=headers).status_code == status
