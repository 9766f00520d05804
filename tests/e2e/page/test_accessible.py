"""What axe-core finds, in each part and theme; and that the page is used by the keyboard alone."""

from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys

from tests.e2e.page.conftest import Page
from tests.e2e.page.test_shell import PARTS
from tests.e2e.running import Service

AXE = Path(__file__).parents[2] / "ui" / "node_modules" / "axe-core" / "axe.min.js"
FOCUSED = "const e = document.activeElement; return e.id || e.dataset.part || e.textContent || e.type"


def violations(page: Page) -> list[tuple[str, list[str]]]:
    """Return the rules of axe that the page breaks, each with the first elements that do."""
    # By the protocol, for the page's own policy lets no foreign script in.
    page.browser.execute_cdp_cmd("Runtime.evaluate", {"expression": f"{AXE.read_text()};0"})
    found = page.browser.execute_async_script("axe.run().then((all) => arguments[0](all.violations))")
    return [(each["id"], [node["html"][:200] for node in each["nodes"][:3]]) for each in found]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("model", ["breast-cancer", "mixed", "hostile"])
def test_axe_finds_nothing(served: Service, page: Page, model: str, theme: str) -> None:
    """No rule of axe is broken, and at 360 px nothing is wider than the screen."""
    page.theme(theme)
    try:
        page.open(f"{served.url}/#try?model={model}")
        page.says("Version 1 answers")
        for part in PARTS:
            page.go(part)
            if part == "live":
                page.says("All processes of service", "main")
            if part == "drift":
                page.one("main section")
            # At once: Live draws anew.
            page.run("document.querySelectorAll('main details').forEach(each => { each.open = true })")
            assert violations(page) == [], part
            page.size(360, 800)
            assert page.run("return document.documentElement.scrollWidth") <= 360, part
            page.window_size()
    finally:
        page.theme(None)
        page.window_size()


def test_the_keyboard_is_enough(served: Service, page: Page) -> None:
    """From the address to a field, its slider, another part and back, by Tab, arrows and Enter."""
    page.open(f"{served.url}/#try?model=two")
    page.says("Version 1 answers")

    def tab_to(wanted: str) -> None:
        for _ in range(40):
            page.keyboard(Keys.TAB)
            if page.run(FOCUSED) == wanted:
                return
        raise AssertionError(wanted)

    tab_to("Skip to content")
    tab_to("model")
    tab_to("why")
    page.keyboard(Keys.ENTER)
    page.one("main.why svg")
    page.browser.back()
    page.one("main.try h2")
    tab_to("input-0")
    page.keyboard(Keys.CONTROL + "a")
    page.keyboard("12")
    before = page.one("#input-0").get_attribute("value")
    assert before == "12"
    page.keyboard(Keys.TAB)
    page.keyboard(Keys.ARROW_RIGHT)
    page.wait(lambda: page.one("#input-0").get_attribute("value") != before)
