"""The page's files, and the files of a version that it shows."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from service.app.page import read
from tests.e2e.page.conftest import KEY
from tests.e2e.running import Service

MOST_BYTES = 64 * 1024
ADDRESSES = ["/", *(f"/ui/{name}" for name in read() if name != "index.html")]


def test_the_page_loads_nothing_from_elsewhere(service: Service) -> None:
    """Page and files come from the service itself, by relative URLs, in 64 kB; no other file is there."""
    size = 0
    for path in ADDRESSES:
        answer = service.http.get(path, headers={"Accept-Encoding": "identity"})
        assert answer.status_code == 200
        size += len(answer.content)
        urls = re.findall(r"[a-z]+://[^\s\"'`]+", answer.text)
        assert set(urls) <= {"http://www.w3.org/2000/svg"}, path  # a name of SVG, which nobody asks for
    assert size <= MOST_BYTES
    for path in (
        "/ui/",
        "/ui/none.js",
        "/ui/package.json",
        "/ui/../settings.py",
        "/ui/%2e%2e%2fsettings.py",
        "/redoc",
    ):
        assert service.http.get(path).status_code == 404


def test_the_page_may_do_little(service: Service) -> None:
    """No script but its own, no request to elsewhere, no frame around it."""
    for path in ADDRESSES:
        policy = service.http.get(path).headers["content-security-policy"]
        assert policy == (
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
            "img-src 'self' data:; form-action 'none'; frame-ancestors 'none'; base-uri 'none'; "
            "require-trusted-types-for 'script'; trusted-types 'none'"
        )


@pytest.mark.parametrize("path", ["/", "/ui/main.js", "/ui/page.css"])
def test_what_a_browser_has_is_not_sent_again(service: Service, path: str) -> None:
    """An ETag that comes back is answered 304, and gzip is sent to who takes it."""
    plain = service.http.get(path, headers={"Accept-Encoding": "identity"})
    packed = service.http.get(path, headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.content == plain.content
    assert int(packed.headers["content-length"]) < int(plain.headers["content-length"])
    tag = plain.headers["etag"]
    for answer in (plain, packed):
        assert answer.headers["etag"] == tag
        assert answer.headers["cache-control"] == "no-cache"
        assert answer.headers["vary"] == "accept-encoding"
    for known in (tag, f'"other", {tag}', "*"):
        answer = service.http.get(path, headers={"If-None-Match": known})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
    assert service.http.get(path, headers={"If-None-Match": '"other"'}).status_code == 200


def test_docs_lead_to_the_page(service: Service) -> None:
    """By a relative address, so that a proxy's path stays."""
    answer = service.http.get("/docs", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (307, "./#api")


def test_the_page_can_be_taken_away(start: Callable[..., Service]) -> None:
    """With SERVICE_UI=off there are the endpoints alone."""
    service = start(ui="off", api_servers=1)
    for path in ("/", "/ui/main.js", "/docs"):
        assert service.http.get(path).status_code == 404
    assert service.http.get("/openapi.json").status_code == 200


def test_a_version_has_its_evaluation_and_its_report(service: Service) -> None:
    """As training wrote them, of a version that answers; the report may run nothing."""
    found = service.http.get("/models/breast-cancer/versions/1/evaluation")
    assert found.headers["content-type"] == "application/json"
    assert found.json()["splits"]["test"]["rows"] == 113
    report = service.http.get("/models/breast-cancer/versions/1/report")
    assert report.headers["content-type"].startswith("text/html")
    policy = report.headers["content-security-policy"]
    assert policy == "sandbox; default-src 'none'; style-src 'unsafe-inline'"
    assert "content-disposition" not in report.headers
    assert "<!doctype html>" in report.text.lower()
    for path in ("/models/breast-cancer/versions/9/report", "/models/none/versions/1/evaluation"):
        answer = service.http.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_with_keys_the_files_of_a_version_ask_for_one(start: Callable[..., Service], keys: Path) -> None:
    """The page is open, its files too; what is of the model is not, and the report is a download."""
    service = start(api_keys_file=keys, api_servers=1)
    for path in ("/", "/ui/main.js"):
        assert service.http.get(path).status_code == 200
    for file in ("evaluation", "report"):
        path = f"/models/breast-cancer/versions/1/{file}"
        assert service.http.get(path).status_code == 401
        answer = service.http.get(path, headers={"X-API-Key": KEY})
        assert answer.status_code == 200
    assert answer.headers["content-disposition"] == 'attachment; filename="breast-cancer-1.html"'


def test_info_tells_of_each_model_and_version(served: Service) -> None:
    """Of the default one where none is named."""
    assert served.http.get("/info").json()["model"] == "breast-cancer"
    found = served.http.get("/info", params={"model": "two"}).json()
    assert (found["model"], [item["name"] for item in found["inputs"]]) == ("two", ["width", "height"])
    assert served.http.get("/info", params={"model": "two", "version": "1"}).json() == found
    for names in ({"model": "none"}, {"model": "two", "version": "2"}):
        assert served.http.get("/info", params=names).status_code == 404
