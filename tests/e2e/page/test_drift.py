"""Drift: the last hour beside training, as the service counts and judges it."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.remote.webelement import WebElement

from tests.e2e.page.conftest import Page, frames, hostile
from tests.e2e.page.test_try import number
from tests.e2e.running import Service, wait_for

ROWS = 1000
"""As many as the service wants before it judges."""


@pytest.fixture
def counted(start: Callable[..., Service], models: Path) -> Callable[..., Service]:
    """Start a service of some models."""

    def serve(*names: str, **settings: Any) -> Service:
        return start(model_store=models, model=",".join(names), api_servers=1, **settings)

    return serve


def send(service: Service, model: str, rows: list[list[Any]]) -> dict[str, Any]:
    """Have rows answered; return what the service says of drift once it has counted them."""
    for first in range(0, len(rows), 500):
        body = {"instances": rows[first : first + 500], "on_error": "report"}
        assert service.http.post(f"/models/{model}/predict", json=body).status_code == 200
    wait_for(lambda: said(service, model)["rows"] >= len(rows))
    return said(service, model)


def said(service: Service, model: str) -> dict[str, Any]:
    """Return what the service says of drift."""
    found: dict[str, Any] = service.http.get(f"/models/{model}/drift").json()
    return found


def rows_of(model: str, **shifted: Any) -> list[list[Any]]:
    """Return rows as training had them, at least `ROWS`, with other cells in some columns."""
    frame = frames()[model].iloc[:, :-1].assign(**shifted)
    rows = frame.astype(object).where(frame.notna(), None).to_numpy().tolist()
    return rows * (1 + ROWS // len(rows))


def percent(text: str) -> float:
    """Read percent as the page writes them."""
    return number(text.removesuffix("%").strip())


def titles(page: Page) -> list[str]:
    """Return the titles of the columns, whole."""
    return [each.get_attribute("title") for each in page.all("main h3 bdi")]


def section(page: Page, title: str) -> WebElement:
    """Return the part of a column."""
    [found] = [each for each in page.all("main section") if page.all(f'h3 bdi[title="{title}"]', each)]
    return found


def test_before_rows_come_the_page_says_so(counted: Callable[..., Service], page: Page) -> None:
    """And shows them when they have come, without being asked; few rows are not judged."""
    service = counted("two")
    page.open(f"{service.url}/#drift")
    page.says("No row of version 1 in the last 60 minutes", "main")
    assert page.all("main section") == []
    assert not page.one("main details").is_displayed()
    send(service, "two", rows_of("two")[:12])
    page.says("12 rows of version 1 in the last 60 minutes", "main")
    page.says("Nothing is judged below 1,000 rows.", "main")
    assert "not judged." in section(page, "width").text


def test_what_differs_is_named_first(counted: Callable[..., Service], page: Page) -> None:
    """Shares, verdicts and what is expected without labels are the service's; bins are told in words."""
    service = counted("mixed")
    found = send(service, "mixed", rows_of("mixed", age=60.0, city="Rom", income=None))
    page.open(f"{service.url}/#drift?model=mixed")
    page.says(f"{found['rows']:,} rows of version 1", "main")
    columns = found["columns"]
    shown = [
        f"Probability of {each['column']}" if each["kind"] == "score" else each["column"] for each in columns
    ]
    assert titles(page) == shown
    strange = [
        title
        for title, each in zip(shown, columns, strict=True)
        if each["drifted"] or any(bin_["beyond"] for bin_ in each["bins"])
    ]
    assert {"age", "city", "income"} <= {*strange}
    named = page.one("main p b")
    assert [each.get_attribute("title") for each in page.all("bdi", named)] == strange
    assert "More rows than in training: above training's range." in section(page, "age").text
    assert "More rows than in training: not seen in training." in section(page, "city").text
    assert "Fewer rows than in training: " in section(page, "city").text
    assert "More rows than in training: missing." in section(page, "income").text
    by_name = {each["column"]: each for each in columns}
    bins = by_name["city"]["bins"]
    bars = page.all("dl.bars > div", section(page, "city"))
    assert len(bars) == len(bins)
    for bar, each in zip(bars, bins, strict=True):
        assert each["bin"] in page.one("dt", bar).text
        assert ("\u26a0" in bar.text) == each["beyond"]
        share, reference = (100 * each[key] for key in ("share", "reference"))
        numbers = page.one("dd", bar).text.split(", was ")
        assert [percent(number) for number in numbers] == pytest.approx([share, reference], abs=0.06)
    expected = found["expected"]
    told = re.search(r"a log-loss of (\S+) and a Brier score of (\S+)\.", page.one("main").text)
    assert told
    wanted = [expected["log_loss"], expected["brier"]]
    assert [number(text) for text in told.groups()] == pytest.approx(wanted, rel=1e-3)
    classes = service.http.get("/info", params={"model": "mixed"}).json()["classes"]
    cells = [[percent(cell) for cell in row] for row in page.cells(page.one("main table"))]
    means = [[100 * expected["confusion"][answer][actual] for answer in classes] for actual in classes]
    for row, mean in zip(cells, means, strict=True):
        assert row == pytest.approx(mean, abs=0.06)


def test_rows_as_training_had_them_do_not_differ(counted: Callable[..., Service], page: Page) -> None:
    """Which is said."""
    service = counted("mixed")
    send(service, "mixed", rows_of("mixed"))
    page.open(f"{service.url}/#drift")
    page.says("Nothing is unlike training.", "main")
    assert "\u26a0" not in page.one("main").text


def test_hostile_names_stay_text(counted: Callable[..., Service], page: Page) -> None:
    """Of all columns, the first ones and those that are folded; nothing is wider than a small screen."""
    service = counted("hostile")
    inputs, _ = hostile()
    send(service, "hostile", [[100.0] * len(inputs)] * ROWS)
    page.size(360, 800)
    try:
        page.open(f"{service.url}/#drift")
        page.says("Unlike training:", "main")
        assert len(page.all("main section")) > 6
        page.click("main details summary")
        assert page.run("return document.documentElement.scrollWidth") <= 360
    finally:
        page.window_size()
    assert page.all("main img, main script, svg script") == []
    shown = titles(page)
    for name in ("<img src=x onerror=alert(1)>", "__proto__", "mean\\u{202e}radius", "x" * 180):
        assert any(name in each for each in shown)
    assert len(shown) >= len(inputs)


def test_where_drift_is_not_counted_the_service_says_so(counted: Callable[..., Service], page: Page) -> None:
    """In its own sentence, and the other parts work."""
    service = counted("two", drift_inputs=0)
    answer = service.http.get("/models/two/drift")
    assert answer.status_code == 404
    page.open(f"{service.url}/#drift")
    page.says(answer.json()["error"], "main")
    assert page.all("main section") == []
    page.go("try")
    page.says("Version 1 answers")


def test_it_goes_on_after_a_restart(counted: Callable[..., Service], page: Page) -> None:
    """The page says that the service is gone, and then what the next one has counted."""
    service = counted("two")
    send(service, "two", rows_of("two")[:5])
    page.open(f"{service.url}/#drift")
    page.says("5 rows of version 1", "main")
    service.stop()
    page.says("The service does not answer.", "#notice")
    counted("two", port=service.port)
    page.says("No row of version 1", "main")
    page.wait(lambda: not page.all("#notice")[0].is_displayed())
