"""/docs in a real browser."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service as Driver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from tests.e2e.running import Service

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


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Chrome]:
    """Chromium without a window, with a profile of its own."""
    options = ChromeOptions()
    options.binary_location = shutil.which("chromium") or "chromium"
    for flag in (*FLAGS, f"--user-data-dir={tmp_path}"):
        options.add_argument(flag)
    with Chrome(options, Driver(shutil.which("chromedriver") or "chromedriver")) as browser:
        yield browser


def test_the_page_loads_nothing_from_elsewhere(service: Service) -> None:
    """Page and assets come from the service itself; an asset that is not there is a 404."""
    page = service.http.get("/docs")
    assert "://" not in page.text
    assets = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(assets) == 3
    for asset in assets:
        assert service.http.get(asset).status_code == 200
    assert service.http.get("/docs/../etc/passwd").status_code == 404
    assert service.http.get("/docs/%2e%2e").status_code == 404
    assert service.http.get("/redoc").status_code == 404


def test_a_person_predicts_from_the_page(service: Service, browser: Chrome) -> None:
    """All operations are listed, and the example of /predict is answered by the service."""
    browser.get(f"{service.url}/docs")
    wait = WebDriverWait(browser, WAIT_S)

    def click(selector: str) -> None:
        [element] = wait.until(lambda _: browser.find_elements(By.CSS_SELECTOR, selector))
        browser.execute_script("arguments[0].click()", element)

    wait.until(lambda _: browser.find_elements(By.CSS_SELECTOR, ".opblock"))
    listed = {
        element.get_attribute("data-path")
        for element in browser.find_elements(By.CSS_SELECTOR, ".opblock-summary-path")
    }
    assert listed == set(service.http.get("/openapi.json").json()["paths"])
    operation = "#operations-use-predict_predict_post"
    click(f"{operation} .opblock-summary-control")
    click(f"{operation} .try-out__btn")
    click(f"{operation} .execute")
    answered = wait.until(
        lambda _: browser.find_elements(By.CSS_SELECTOR, f"{operation} .live-responses-table .response")
    )
    assert "200" in answered[0].text
    assert '"probabilities"' in answered[0].text
