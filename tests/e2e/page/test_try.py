"""Try and Why: a row, its answer, where the answer would change, and what made it."""

import json
import re
import subprocess
import sys
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select

from tests.e2e.page.conftest import Page
from tests.e2e.running import Service

FIGURES = "main.why svg g text:nth-of-type(2)"


def open_model(page: Page, served: Service, model: str, part: str = "try") -> dict[str, Any]:
    """Open a part for a model; return what /info says of the model."""
    page.open(f"{served.url}/#{part}?model={model}")
    if part == "try":
        page.says("Version 1 answers")
    found: dict[str, Any] = served.http.get("/info", params={"model": model}).json()
    return found


def row_of(page: Page) -> list[Any]:
    """Return the row that the page's address has, once it is settled."""
    page.wait(lambda: "row=" in page.browser.current_url)
    query = parse_qs(urlsplit(page.browser.current_url).fragment.partition("?")[2])
    row: list[Any] = json.loads(query["row"][0])
    return row


def answer(served: Service, model: str, row: list[Any], **more: Any) -> dict[str, Any]:
    """Return the service's own answer."""
    sent = served.http.post(f"/models/{model}/predict", json={"instances": [row], **more})
    assert sent.status_code == 200, sent.text
    found: dict[str, Any] = sent.json()["predictions"][0]
    return found


@pytest.mark.parametrize("model", ["breast-cancer", "two", "mixed", "ten", "hostile"])
def test_an_example_is_answered_at_once(served: Service, page: Page, model: str) -> None:
    """The usual row lies within what training saw, and its label is the service's own."""
    info = open_model(page, served, model)
    row = row_of(page)
    for item, cell in zip(info["inputs"], row, strict=True):
        if item["kind"] == "numeric":
            assert item["reference"]["min"] <= cell <= item["reference"]["max"]
        if item["kind"] == "categorical":
            shares = item["reference"]["shares"]
            assert cell == item["categories"][shares.index(max(shares))]
    label = answer(served, model, row)["label"]
    title = page.one(".answer .label bdi").get_attribute("title")
    assert title.strip("“”") == label


@pytest.mark.parametrize("model", ["breast-cancer", "two", "mixed", "ten", "hostile"])
def test_at_the_stated_value_the_label_flips(served: Service, page: Page, model: str) -> None:
    """As the service itself answers, for each input; and one float32 within it may not."""
    info = open_model(page, served, model)
    numeric = [place for place, item in enumerate(info["inputs"]) if item["kind"] == "numeric"]
    page.wait(lambda: all(page.one(f"#input-{place}-note").text for place in numeric))
    row = row_of(page)
    before = answer(served, model, row)["label"]
    stated = 0
    for place in numeric:
        note = page.one(f"#input-{place}-note")
        found = page.all(".flip", note)
        if not found:
            assert "No value of it alone" in note.text
            continue
        stated += 1
        value = float(found[0].text)
        flipped = answer(served, model, [*row[:place], value, *row[place + 1 :]])["label"]
        assert flipped != before
        assert page.one("bdi", note).get_attribute("title").strip("“”") == flipped
        reference = info["inputs"][place]["reference"]
        assert ("outside of training" in note.text) == (not reference["min"] <= value <= reference["max"])
        # Well on this side of it the label is the old one.
        inward = value - (1 if note.text.find(" up") > 0 else -1) * 1e-3 * max(abs(value), 1)
        assert answer(served, model, [*row[:place], inward, *row[place + 1 :]])["label"] == before
    assert stated >= len(numeric) // 2


def in_field(page: Page, place: int, selector: str) -> WebElement:
    """Return what stands in the field of an input."""
    script = "return arguments[0].closest('.field').querySelector(arguments[1])"
    found: WebElement = page.run(script, page.one(f"#input-{place}"), selector)
    return found


def test_the_answer_moves_with_the_form(served: Service, page: Page) -> None:
    """By field, slider, choice and the box for a missing value; a text that is no number is named."""
    info = open_model(page, served, "mixed")
    names = [item["name"] for item in info["inputs"]]
    age, city, member, income = (names.index(name) for name in ("age", "city", "member", "income"))
    page.type(age, "17.5")
    page.wait(lambda: row_of(page)[age] == 17.5)
    page.type(age, "18,25")
    page.wait(lambda: row_of(page)[age] == 18.25)
    slider = page.one(f"#input-{age} ~ input[type=range]")
    slider.send_keys(Keys.HOME)
    page.wait(lambda: row_of(page)[age] <= info["inputs"][age]["reference"]["min"] + 0.01)
    Select(page.one(f"#input-{city}")).select_by_visible_text("Bonn")
    page.wait(lambda: row_of(page)[city] == "Bonn")
    Select(page.one(f"#input-{member}")).select_by_index(1)
    page.wait(lambda: row_of(page)[member] is True)
    in_field(page, income, "[type=checkbox]").click()
    page.wait(lambda: row_of(page)[income] is None)
    label = answer(served, "mixed", row_of(page))["label"]
    page.wait(lambda: page.label() == label)
    Select(page.one(f"#input-{city}")).select_by_visible_text("another…")
    page.run("arguments[0].focus()", in_field(page, city, "select ~ input"))
    page.keyboard("Wien")
    page.wait(lambda: row_of(page)[city] == "Wien")
    page.type(age, "old")
    page.says("not a number", f"#input-{age}-wrong")
    page.says("No answer", ".answer")
    page.type(age, "40")
    page.says("Outside of what training saw.", f"#input-{age}-note")
    assert page.one(f"#input-{age}-wrong").text == ""


def run_copied(language: str, code: str) -> Any:
    """Run what the page gave to be copied; return the service's answer."""
    command = ["sh", "-c", code]
    if language == "Python":
        printed = code.replace("print(answer.json())", "import json; print(json.dumps(answer.json()))")
        command = [sys.executable, "-c", printed]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(ran.stdout)


def test_what_is_copied_works(served: Service, page: Page) -> None:
    """Code for curl and for Python sends the row as it is, also under hostile names."""
    info = open_model(page, served, "hostile")
    row = row_of(page)
    page.run("navigator.clipboard.writeText = async (text) => { window.copied = text }")
    wanted = answer(served, "hostile", row, explain=True)
    for language in ("curl", "Python"):
        page.press(f"Copy as {language}")
        code = page.wait(lambda: page.run("const text = window.copied; window.copied = ''; return text"))
        found = run_copied(language, code)["predictions"][0]
        assert found["label"] == wanted["label"]
        explanation = found["explanation"][info["classes"][0]]
        assert set(explanation["contributions"]) == {item["name"] for item in info["inputs"]}
    page.run("window.copied = ''")
    page.press("Copy a link")
    link = page.wait(lambda: page.run("return window.copied"))
    page.open(link)
    page.says("Version 1 answers")
    assert row_of(page) == row


def test_without_a_clipboard_the_text_is_there_to_copy(served: Service, page: Page) -> None:
    """Selected, as where the page is no secure context."""
    open_model(page, served, "two")
    page.run("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    page.press("Copy as curl")
    assert page.one("textarea.copied").get_attribute("value").startswith("curl '")
    selected = page.run("return getSelection().toString() || document.activeElement.value.slice(0, 4)")
    assert selected.startswith("curl")


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ("[1.5, 2]", [1.5, 2]),
        ('{"height": 2, "width": "1.5"}', [1.5, 2]),
        ("1,5;2", [1.5, 2]),
        ("height\twidth\r\n2\t1.5\r\n", [1.5, 2]),
    ],
)
def test_a_row_is_pasted(served: Service, page: Page, text: str, row: list[float]) -> None:
    """JSON or CSV, with a decimal comma too."""
    open_model(page, served, "two")
    page.click("main details summary")
    page.run("arguments[0].value = arguments[1]", page.one("#pasted"), text)
    page.press("Take it")
    page.wait(lambda: row_of(page) == row)


@pytest.mark.parametrize("text", ["[1]", '{"width": 1}', "[1,", ""])
def test_what_is_no_row_is_said(served: Service, page: Page, text: str) -> None:
    """And the row stays as it was."""
    open_model(page, served, "two")
    before = row_of(page)
    page.click("main details summary")
    page.run("arguments[0].value = arguments[1]", page.one("#pasted"), text)
    page.press("Take it")
    page.wait(lambda: page.one("main details .wrong").text)
    assert row_of(page) == before


def number(text: str) -> float:
    """Read a number as the page writes it."""
    match = re.fullmatch(r"([+\u2212]?[\d.,]+)(?:·10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+))?", text)
    assert match, text
    power = (match[2] or "⁰").translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789"))
    return float(match[1].replace("\u2212", "-").replace(",", "")) * 10 ** int(power)


@pytest.mark.parametrize("model", ["breast-cancer", "two", "mixed", "ten", "hostile"])
def test_the_waterfall_sums_to_the_logit(served: Service, page: Page, model: str) -> None:
    """From the intercept through what each input adds; all of it is the service's own."""
    info = open_model(page, served, model, "why")
    page.one("main.why svg")
    *parts, logit = [number(text) for text in page.texts(FIGURES)]
    assert sum(parts) == pytest.approx(logit, abs=2e-3 * sum(map(abs, parts)) + 1e-9)
    page.click("main details summary")
    page.one("main tbody tr")
    rows = page.cells(page.one("main"), "th, td")
    assert len(rows) == len(info["inputs"]) + 2
    added = [number(row[2]) for row in rows]
    assert sum(added[:-1]) == pytest.approx(added[-1], rel=1e-3, abs=1e-3)
    row = row_of_default(page)
    explained = answer(served, model, row, explain=True)
    explanation = explained["explanation"]
    if len(info["classes"]) == 2:
        assert added[-1] == pytest.approx(explanation["logit"], rel=1e-4)
        return
    assert added[-1] == pytest.approx(explanation[explained["label"]]["logit"], rel=1e-4)
    Select(page.one("main select")).select_by_index(1)
    other = pytest.approx(explanation[info["classes"][1]]["logit"], rel=1e-3)
    page.wait(lambda: number(page.all(FIGURES)[-1].text) == other)


def row_of_default(page: Page) -> list[Any]:
    """Return the row that the page explains: what a link to it carries."""
    page.click('nav a[data-part="why"]')
    return row_of(page)
