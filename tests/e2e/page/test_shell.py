"""The shell of the page: models, keys, prefixes, names, and a service that goes away."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from tests.e2e.page.conftest import KEY, Page, hostile
from tests.e2e.running import Service
from training.__main__ import main

PARTS = ["try", "why", "batch", "model", "live", "drift", "versions", "api"]
STORED = "return [localStorage.length, sessionStorage.length, document.cookie]"


def test_a_person_goes_through_all_parts(service: Service, page: Page) -> None:
    """Each has its own place, which the browser goes back to; nothing is stored and nobody else asked."""
    page.open(service.url)
    page.says("Version 1 answers")
    for part in PARTS:
        page.go(part)
    page.browser.back()
    page.one("main.versions h2")
    page.open(f"{service.url}/#live")
    page.one("main.live h2")
    assert page.run(STORED) == [0, 0, ""]
    asked = page.run("return performance.getEntriesByType('resource').map((each) => each.name)")
    assert {re.match(r"\w+://[^/]+", address)[0] for address in asked} == {service.url}


@pytest.mark.parametrize("model", ["two", "mixed", "ten", "hostile"])
def test_a_person_chooses_a_model(served: Service, page: Page, model: str) -> None:
    """Its inputs and its answer are shown in each part, and the address leads there again."""
    page.open(served.url)
    page.says("Version 1 answers")
    choice = Select(page.one("#model"))
    [option] = [each.text for each in choice.options if each.text.startswith(f"{model} ")]
    choice.select_by_visible_text(option)
    inputs = served.http.get("/info", params={"model": model}).json()["inputs"]
    page.wait(lambda: len(page.all(".field")) == len(inputs))
    page.says("Version 1 answers", ".answer")
    for part in PARTS:
        page.go(part)
    address = page.browser.current_url
    assert f"model={model}" in address
    page.open(address)
    page.one("main.api h2")
    assert Select(page.one("#model")).first_selected_option.text == option


def test_names_are_text_whatever_they_look_like(served: Service, page: Page) -> None:
    """No name becomes an element, a property or a direction of the page; all are shown in each part."""
    page.open(f"{served.url}/#try?model=hostile")
    inputs, _ = hostile()
    page.says("Version 1 answers")
    page.run("window.alert = () => { document.title = 'harmed' }")
    shown = [each.get_attribute("title") for each in page.all(".field bdi[title]")]
    assert len({*shown}) >= len(inputs)  # two differ by how their letters are composed
    for name in ("<img src=x onerror=alert(1)>", "__proto__", "mean\\u{202e}radius", "x" * 180):
        assert any(name in each for each in shown)
    labels = {each.get_attribute("title") for each in page.all(".bars bdi")}
    assert labels == {"<b>yes</b>", "__proto__", "no", "@cmd"}
    for part in PARTS:
        page.go(part)
        assert page.all("main img, main script, main b > b, svg script") == []
        width = page.run("return document.documentElement.scrollWidth - innerWidth")
        assert width <= 0, part
    assert "harmed" not in page.browser.title
    assert page.run("return ({}).onerror") is None


def test_the_page_works_under_a_proxys_path(
    service: Service, page: Page, proxied: Callable[[Service], Any]
) -> None:
    """Behind a real nginx that adds a prefix, everything is loaded and asked under it."""
    proxy = proxied(service)
    page.open(proxy.url)
    page.says("Version 1 answers")
    for part in PARTS:
        page.go(part)
    page.open(f"{proxy.url}docs")
    page.one("main.api h2")
    assert page.browser.current_url == f"{proxy.url}#api"
    asked = [line.split('"')[1].split()[1] for line in proxy.log.read_text().splitlines()]
    assert {"/models/predict", "/models/ui/api.js", "/models/info?"} <= {*asked}
    assert {path for path in asked if not path.startswith("/models/")} <= {"/favicon.ico"}


def test_the_page_asks_for_a_key(
    start: Callable[..., Service], keys: Path, page: Page, proxied: Callable[[Service], Any]
) -> None:
    """A wrong key is told, a right one opens all; it is in no URL, no storage and gone with the page."""
    service = start(api_keys_file=keys, api_servers=1, metrics_open=False)
    proxy = proxied(service)
    page.open(proxy.url)
    field = page.one("#key")
    page.says("This service asks for a key: wanted is one that may predict.", "#asked")
    for wrong in ("a wrong one", "\u2603x"):
        field.send_keys(wrong, Keys.ENTER)
        page.says("This key is not known", "#asked")
        page.wait(field.is_displayed)
    field.send_keys(KEY, Keys.ENTER)
    page.says("Version 1 answers")
    assert not field.is_displayed()
    for part in PARTS:
        page.go(part)
    page.go("model")
    page.press("Download the report")
    page.wait((page.downloads / "breast-cancer-1.html").exists)
    assert page.run(STORED) == [0, 0, ""]
    assert KEY not in page.browser.current_url + proxy.log.read_text() + service.log()
    page.browser.refresh()
    page.wait(lambda: page.one("#key").is_displayed())


def test_a_key_that_may_not_administer_is_told(
    start: Callable[..., Service], keys: Path, tmp_path: Path, page: Page
) -> None:
    """And the page asks for one that may."""
    admins = tmp_path / "admins"
    admins.write_text("root:" + "0" * 64 + "\n")
    service = start(
        api_keys_file=keys,
        admin_keys_file=admins,
        model_control="explicit",
        model="breast-cancer",
        api_servers=1,
    )
    page.open(f"{service.url}/#api")
    page.one("#key").send_keys(KEY, Keys.ENTER)
    title = "POST /v2/repository/models/{model}/load"
    [load] = page.wait(lambda: [each for each in page.all(".operation") if each.text.startswith(title)])
    page.run("arguments[0].open = true", load)
    page.one("button.main", load).click()
    page.says("a key that may administer", "#asked")


def test_a_service_that_goes_away_is_said_and_waited_for(start: Callable[..., Service], page: Page) -> None:
    """The page says so, and goes on by itself with the one that comes back."""
    service = start(api_servers=1)
    page.open(service.url)
    page.says("ready", "#state")
    page.says("Version 1 answers")
    before = page.one(".answer").text
    port = service.port
    service.stop()
    page.type(0, "25")
    page.says("The service does not answer. It is asked again.", "#notice")
    page.says("does not answer", "#state")
    again = start(api_servers=1, port=port)
    page.says("ready", "#state")
    page.wait(lambda: not page.all("#notice")[0].is_displayed())
    page.wait(lambda: page.one(".answer").text != before)
    assert again.metric("http_requests_total", route="/predict", code="200") >= 1


def test_a_link_of_other_inputs_is_refused(served: Service, page: Page) -> None:
    """By a digest of the inputs, so that no number lands in another column."""
    row = quote(json.dumps([1.5, 2.5]))
    page.open(f"{served.url}/#try?model=two&row={row}&inputs=00000000")
    page.says("The row of this link is of other inputs than this model's.", "#notice")
    digest = served.http.get("/info", params={"model": "two"}).json()["inputs_digest"][:8]
    page.open(f"{served.url}/#try?model=two&row={row}&inputs={digest}")
    page.says("Version 1 answers")
    assert [page.one(f"#input-{place}").get_attribute("value") for place in (0, 1)] == ["1.5", "2.5"]


def test_another_version_that_answers_is_shown(
    start: Callable[..., Service], page: Page, tmp_path: Path
) -> None:
    """Without a reload by the person, and with the row that was there."""
    root = tmp_path / "own"
    assert main(["--store", str(root)]) == 0
    service = start(model_store=root, api_servers=1)
    page.open(service.url)
    page.says("Version 1 answers")
    page.type(0, "20.25")
    assert main(["--store", str(root), "--force", "--promote", "always", "--penalty", "0.5"]) == 0
    page.wait(lambda: service.http.get("/info").json()["version"] == "2")
    page.type(1, "21")
    page.says("Version 2 answers")
    page.wait(lambda: page.one("#input-0").get_attribute("value") == "20.25")
    page.go("versions")
    page.says("the same", "main table")


def test_a_model_that_is_chosen_during_an_outage_is_shown_as_itself(
    start: Callable[..., Service], page: Page, models: Path
) -> None:
    """Once the service is back: its inputs, its answer, and no other's; a part is opened the first time."""
    settings: dict[str, Any] = {"model_store": models, "model": "ten,two", "api_servers": 1}
    service = start(**settings)
    page.open(f"{service.url}/#try?model=two")
    page.says("Version 1 answers")
    service.stop()
    page.browser.execute_script("location.hash = 'why?model=ten'")
    page.says("The service does not answer. It is asked again.", "#notice")
    start(port=service.port, **settings)
    page.says("For and against", "main.why")
    page.go("try")
    page.wait(lambda: len(page.all(".field")) == 6)
    page.says("class", ".answer .label")


def test_the_last_model_that_is_chosen_is_shown(served: Service, page: Page) -> None:
    """However soon after another one."""
    page.open(served.url)
    page.says("Version 1 answers")
    for names in (("two", "mixed", "ten"), ("ten", "two")):
        script = "".join(f"location.hash = 'try?model={name}';" for name in names)
        page.run(script)
        [wanted] = {"ten": [6], "two": [2]}[names[-1]]
        page.wait(lambda wanted=wanted: len(page.all(".field")) == wanted)
        page.says("Version 1 answers", ".answer")


def test_skipping_to_the_content_stays_on_the_part(served: Service, page: Page) -> None:
    """The hash of the link is no part."""
    page.open(f"{served.url}/#batch?model=two")
    page.one("main.batch h2")
    page.click(".skip")
    page.wait(lambda: page.browser.current_url.endswith("#main"))
    assert page.all("main.batch h2")
    assert Select(page.one("#model")).first_selected_option.text.startswith("two ")
