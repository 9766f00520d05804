"""/docs in a real browser."""

import contextlib
import hashlib
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service as Driver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select
from selenium.webdriver.support.wait import WebDriverWait

from models.manifest import Manifest
from tests.e2e.running import Service, free_port, wait_for
from tests.service import mixed

WAIT_S = 60
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1400,2000",
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """Chromium without a window; what it keeps it keeps by origin, and each service has its own."""
    profile = tmp_path_factory.mktemp("profile")
    options = ChromeOptions()
    options.binary_location = shutil.which("chromium") or "chromium"
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    with Chrome(options, Driver(shutil.which("chromedriver") or "chromedriver")) as browser:
        yield browser


class Proxy(NamedTuple):
    """An nginx in front of a service, which it has under `/models/`."""

    url: str
    log: Path


@pytest.fixture
def proxied(tmp_path: Path) -> Iterator[Callable[[Service], Proxy]]:
    """Start nginx in front of a service; it ends with the test."""
    running: list[subprocess.Popen[bytes]] = []

    def start(service: Service) -> Proxy:
        port, folder = free_port(), tmp_path / "nginx"
        folder.mkdir()
        config = folder / "nginx.conf"
        temporary = "".join(
            f"{kind}_temp_path {folder}/{kind};"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        config.write_text(
            f"daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;"
            f"events {{}} http {{ access_log {folder}/access.log; {temporary}"
            f"server {{ listen 127.0.0.1:{port};"
            f"location /models/ {{ proxy_pass http://127.0.0.1:{service.port}/; }} }} }}"
        )
        nginx = shutil.which("nginx") or "/usr/sbin/nginx"
        running.append(subprocess.Popen([nginx, "-e", f"{folder}/error.log", "-c", str(config)]))
        proxy = Proxy(f"http://127.0.0.1:{port}/models/", folder / "access.log")

        def answers() -> bool:
            with contextlib.suppress(httpx.TransportError):
                return httpx.get(f"{proxy.url}livez").status_code == 200
            return False

        wait_for(answers)
        return proxy

    yield start
    for process in running:
        process.terminate()
        process.wait(30)


@pytest.mark.parametrize("page", ["/", "/docs"])
def test_the_page_loads_nothing_from_elsewhere(service: Service, page: str) -> None:
    """Page and assets come from the service itself, by relative URLs; an asset that is not there is a 404."""
    answer = service.http.get(page)
    assert answer.status_code == 200
    assert "://" not in answer.text
    assets = re.findall(r'(?:src|href)="([^"]+)"', answer.text)
    assert len(assets) == 4
    for asset in assets:
        assert not asset.startswith("/")
        assert service.http.get(f"/{asset}").status_code == 200
    assert service.http.get("/docs/../etc/passwd").status_code == 404
    assert service.http.get("/docs/%2e%2e").status_code == 404
    assert service.http.get("/redoc").status_code == 404


@pytest.mark.parametrize("path", ["/", "/docs", "/docs/page.js", "/docs/swagger-ui-bundle.js"])
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


def predict_from(browser: Chrome, example: str | None = None) -> str:
    """Send an example of /predict, or the first, from the page that is open; it must be answered 200."""
    wait = WebDriverWait(browser, WAIT_S)

    def click(selector: str) -> None:
        [element] = wait.until(lambda _: browser.find_elements(By.CSS_SELECTOR, selector))
        browser.execute_script("arguments[0].click()", element)

    operation = "#operations-use-predict_predict_post"
    click(f"{operation} .opblock-summary-control")
    click(f"{operation} .try-out__btn")
    if example:
        examples = f"{operation} .examples-select-element"
        Select(wait.until(lambda _: browser.find_element(By.CSS_SELECTOR, examples))).select_by_value(example)
    click(f"{operation} .execute")
    answered = wait.until(
        lambda _: browser.find_elements(By.CSS_SELECTOR, f"{operation} .live-responses-table .response")
    )
    assert "200" in answered[0].text
    assert '"probabilities"' in answered[0].text
    return answered[0].text


@pytest.mark.parametrize("page", ["/", "/docs"])
def test_a_person_predicts_from_the_page(service: Service, browser: Chrome, page: str) -> None:
    """All operations are listed, and the example of /predict is answered; no key is asked for."""
    browser.get(f"{service.url}{page}")
    wait = WebDriverWait(browser, WAIT_S)
    wait.until(lambda _: browser.find_elements(By.CSS_SELECTOR, ".opblock"))
    listed = {
        element.get_attribute("data-path")
        for element in browser.find_elements(By.CSS_SELECTOR, ".opblock-summary-path")
    }
    assert listed == set(service.http.get("/openapi.json").json()["paths"])
    assert not browser.find_element(By.ID, "key").is_displayed()
    predict_from(browser)


@pytest.fixture(scope="module")
def with_gaps(share: Callable[..., Service], tmp_path_factory: pytest.TempPathFactory) -> Service:
    """A service of a model of text, truths and gaps, whose example is a row of gaps."""
    store = tmp_path_factory.mktemp("mixed")
    golden = mixed.answers(mixed.WEIGHTS, Manifest.from_json(mixed.FROZEN.read_bytes()))
    mixed.publish(store, golden=golden[1:])
    return share(model_store=store, api_servers=1)


@pytest.mark.parametrize(
    "example", ["by position", "by name", "explained", "wrong rows reported", "unseen text reported"]
)
def test_a_person_predicts_with_gaps_and_text(with_gaps: Service, browser: Chrome, example: str) -> None:
    """Each example of a mixed model is answered, and one shows a text that training did not see."""
    browser.get(f"{with_gaps.url}/docs")
    text = predict_from(browser, example)
    assert ('"city"' in text) == (example in {"explained", "unseen text reported"})


@pytest.mark.parametrize("page", ["", "docs"])
def test_the_page_works_under_a_proxys_path(
    service: Service, browser: Chrome, proxied: Callable[[Service], Proxy], page: str
) -> None:
    """Behind a real nginx that adds a prefix, everything is loaded and sent under it."""
    proxy = proxied(service)
    browser.get(f"{proxy.url}{page}")
    predict_from(browser)
    asked = [line.split('"')[1].split()[1] for line in proxy.log.read_text().splitlines()]
    assert "/models/predict" in asked
    assert {path for path in asked if not path.startswith("/models/")} <= {"/favicon.ico"}


def test_the_page_asks_for_a_key(
    start: Callable[..., Service], tmp_path: Path, browser: Chrome, proxied: Callable[[Service], Proxy]
) -> None:
    """A wrong key is told, a right one opens all; it is in no URL, no storage and gone with the page."""
    keys = tmp_path / "keys"
    keys.write_text(f"someone:{hashlib.sha256(b'the-key').hexdigest()}\n")
    service = start(api_keys_file=keys, api_servers=1)
    proxy = proxied(service)
    browser.get(proxy.url)
    field = browser.find_element(By.ID, "key")
    said = browser.find_element(By.ID, "said")
    for given, sentence in (("a wrong one", "This key is not known."), ("\u2603", "this is no key")):
        WebDriverWait(browser, WAIT_S).until(lambda _: field.is_displayed())
        field.send_keys(given, Keys.ENTER)
        WebDriverWait(browser, WAIT_S).until(lambda _, sentence=sentence: sentence in said.text)
    field.send_keys("the-key", Keys.ENTER)
    predict_from(browser)
    assert not field.is_displayed()
    stored = "return [localStorage.length, sessionStorage.length, document.cookie, location.href]"
    assert browser.execute_script(stored)[:3] == [0, 0, ""]
    assert "the-key" not in browser.execute_script(stored)[3] + proxy.log.read_text() + service.log()
    browser.refresh()
    WebDriverWait(browser, WAIT_S).until(lambda _: browser.find_element(By.ID, "key").is_displayed())
