"""Model, Live, Versions and API: what they show is what the service says."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from tests.e2e.page.conftest import Page, example
from tests.e2e.running import Service

FORMAT1 = Path(__file__).parents[2] / "models" / "format1"


@pytest.mark.parametrize("model", ["breast-cancer", "two", "mixed", "ten", "hostile"])
def test_the_model_is_what_training_wrote(served: Service, page: Page, model: str) -> None:
    """Figures with intervals, curves, confusion and coefficients; each chart has its numbers as a table."""
    page.open(f"{served.url}/#model?model={model}")
    page.says("Coefficients", "main")
    info = served.http.get("/info", params={"model": model}).json()
    text = page.one("main").text
    test = info["metrics"]["test"]
    assert f"{test['log_loss']:.4g}"[:6] in text
    assert f"{info['data']['rows']['test']} test" in text
    assert len(page.all("figure")) >= 3
    for figure in page.all("figure"):
        page.run("arguments[0].querySelector('details').open = true", figure)
        page.one("table tbody tr", figure)
        label = page.one("svg", figure).get_attribute("aria-label")
        assert label.endswith("The table below has its numbers.")
    names = {each.get_attribute("title") for each in page.all("main bdi")}
    assert {name.strip() for name in info["classes"]} <= {name.strip("“” ") for name in names}
    [report] = [each for each in page.all("main a.button") if each.text == "The report"]
    assert served.http.get(report.get_attribute("href")).status_code == 200


def test_the_threshold_moves_the_confusion(served: Service, page: Page) -> None:
    """At the served threshold it is the manifest's; at the ends everything is told one way."""
    page.open(f"{served.url}/#model?model=two")
    slider = page.one("#threshold")
    info = served.http.get("/info", params={"model": "two"}).json()
    rows = info["data"]["rows"]["test"]

    def counts() -> list[list[int]]:
        table = next(each for each in page.all("main table") if "Actual class by row" in each.text)
        return [[int(cell) for cell in row] for row in page.cells(table)]

    positive = info["classes"].index(info["positive"])
    served_cells = info["metrics"]["test"]["confusion"]
    order = [positive, 1 - positive]
    assert counts() == [[served_cells[a][b] for b in order] for a in order]
    page.says("as served", "main")
    slider.send_keys(Keys.HOME)
    slider.send_keys(Keys.END)
    page.wait(lambda: sum(map(sum, counts())) == rows)


def test_a_model_of_the_first_format_is_tried(start: Callable[..., Service], page: Page) -> None:
    """It has no evaluation, which is said; Try, Why and Live work."""
    service = start(model_store=FORMAT1, api_servers=1)
    page.open(service.url)
    page.says("answers", ".answer")
    page.go("why")
    page.one("main.why svg")
    page.go("model")
    page.says("this version has no evaluation.json: it is of an older format", "main")
    page.go("live")


def test_live_figures_are_those_of_metrics(start: Callable[..., Service], page: Page) -> None:
    """Rates, latencies and labels after two looks, and the service's identity."""
    service = start(api_servers=2)
    page.open(f"{service.url}/#live")
    document = page.run("return fetch('openapi.json').then((answer) => answer.json())")
    row = example(document)["instances"][0]
    for _ in range(30):
        assert service.predict(row).status_code == 200
    page.says("All processes of service", "main")
    lines = service.http.get("/metrics").text.splitlines()
    identity = next(line for line in lines if line.startswith("logitserve_instance_info{"))
    assert page.one("main .soft").text.split()[4].strip(",") in identity
    tiles = dict(zip(page.texts(".tiles dt"), page.texts(".tiles dd"), strict=True))
    assert tiles["Workers ready"] == "1"
    assert len(page.all("figure")) == 5
    for _ in range(10):
        assert service.predict(row).status_code == 200
    page.says("Answers of breast-cancer since this page looks", "main")


@pytest.mark.parametrize(
    ("part", "says"), [("live", "All processes of service"), ("drift", "row of version")]
)
def test_a_hidden_tab_looks_no_more(start: Callable[..., Service], page: Page, part: str, says: str) -> None:
    """A person who looks elsewhere costs the service nothing, and sees figures again when back."""
    service = start(api_servers=1)
    page.open(f"{service.url}/#{part}")
    page.says(says, "main")
    page.run("Object.defineProperty(document, 'hidden', { value: true, configurable: true })")
    page.run("dispatchEvent(new Event('visibilitychange'))")
    asked = """return performance.getEntriesByType('resource')
        .filter(each => /metrics|drift\\?|readyz/.test(each.name)).length"""
    page.run("setTimeout(() => { window.waited = true }, 11000)")
    before = page.run(asked)
    page.wait(lambda: page.run("return window.waited"))
    assert page.run(asked) == before
    page.run("delete document.hidden; dispatchEvent(new Event('visibilitychange'))")
    page.wait(lambda: page.run(asked) > before)


def test_live_goes_on_after_a_restart(start: Callable[..., Service], page: Page) -> None:
    """The page says that the service is gone, and shows the next one; no rate is negative."""
    service = start(api_servers=1)
    page.open(f"{service.url}/#live")
    page.says("All processes of service", "main")
    service.stop()
    page.says("The service does not answer.", "#notice")
    start(api_servers=1, port=service.port)
    page.wait(lambda: not page.one("#notice").is_displayed() if page.all("#notice") else True)
    page.says("1 more answered behind this address", "main")
    assert "\u2212" not in page.one(".tiles").text


def test_versions_say_what_answers(served: Service, page: Page) -> None:
    """Of the model that is chosen, and that nothing was refused."""
    page.open(f"{served.url}/#versions")
    page.says("Nothing was refused.", "main")
    assert page.one("main tbody tr").text.startswith("1 yes")


@pytest.mark.parametrize("model", ["breast-cancer", "mixed", "hostile"])
def test_every_endpoint_has_a_request_that_works(served: Service, page: Page, model: str) -> None:
    """Sent as it stands there; those that change models are not there without admin keys."""
    page.open(f"{served.url}/#api?model={model}")
    operations = page.wait(lambda: page.all("details.operation"))
    document = served.http.get("/openapi.json").json()
    assert len(operations) == sum(len(methods) for methods in document["paths"].values())
    for operation in operations:
        title = page.one("summary", operation).text
        page.run("arguments[0].open = true", operation)
        send = page.one("button.main", operation)
        examples = page.all("select", operation)
        for place in range(len(Select(examples[0]).options) if examples else 1):
            if examples:
                Select(examples[0]).select_by_index(place)
            page.run("arguments[0].replaceChildren()", page.one("form [aria-live]", operation))
            page.run("arguments[0].click()", send)
            status = page.one("form [aria-live] b", operation).text
            changes = "/repository/models/" in title
            assert status.split()[0] == ("404" if changes else "200"), (title, operation.text)


def test_openapi_is_there_for_programs(served: Service, page: Page) -> None:
    """By a link."""
    page.open(f"{served.url}/#api")
    href = page.one('main a[href="openapi.json"]').get_attribute("href")
    assert json.loads(served.http.get(href).text)["openapi"].startswith("3.")
