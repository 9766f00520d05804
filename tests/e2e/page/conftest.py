"""A real browser, a real proxy, and models of the kinds that people have."""

import contextlib
import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import numpy as np
import pandas as pd
import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service as Driver
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from tests.e2e.running import Service, free_port, wait_for
from training.__main__ import main

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
    "--window-size=1280,1400",
)
KEY = "the-key"
NAMES = Path(__file__).with_name("hostile-names.json")
"""Names of columns and classes that a page could take for something else than text."""


class Page:
    """The page in a browser, as a person uses it."""

    def __init__(self, browser: Chrome, downloads: Path) -> None:
        self.browser = browser
        self.downloads = downloads

    def open(self, url: str) -> None:
        """Open an address anew, though it may differ from the last one by its hash alone."""
        self.browser.get("about:blank")
        self.browser.get(url)

    def all(self, selector: str, within: WebElement | None = None) -> list[WebElement]:
        """Return what is there now, in the whole page or within an element."""
        return (within or self.browser).find_elements(By.CSS_SELECTOR, selector)

    def wait(self, until: Callable[[], Any], what: str = "") -> Any:
        """Wait until something is so."""
        return WebDriverWait(self.browser, WAIT_S).until(lambda _: until(), what)

    def one(self, selector: str, within: WebElement | None = None) -> WebElement:
        """Return the first element of a kind, once there is one."""
        found: WebElement = self.wait(lambda: self.all(selector, within), selector)[0]
        return found

    def texts(self, selector: str) -> list[str]:
        """Return what each element of a kind says now."""
        return [each.text for each in self.all(selector)]

    def cells(self, within: WebElement, kind: str = "td") -> list[list[str]]:
        """Return the texts of the rows of a table, without those that head a row unless `kind` has them."""
        return [[cell.text for cell in self.all(kind, row)] for row in self.all("tbody tr", within)]

    def click(self, selector: str) -> None:
        """Click on what may be out of sight."""
        self.run("arguments[0].scrollIntoView({block: 'center'}); arguments[0].click()", self.one(selector))

    def press(self, text: str) -> None:
        """Click on the button or link that says `text`."""
        [found] = self.wait(
            lambda: [each for each in self.all("main button, main .button") if each.text == text], text
        )
        self.run("arguments[0].click()", found)

    def go(self, part: str) -> None:
        """Go to another part as a person does, and wait until it is shown."""
        self.click(f'nav a[data-part="{part}"]')
        self.wait(lambda: self.all(f"main.{part} h2"), part)

    def says(self, text: str, selector: str = "body") -> None:
        """Wait until a text is shown."""
        self.wait(lambda: text in self.one(selector).text, text)

    def run(self, script: str, *arguments: Any) -> Any:
        """Run a script in the page."""
        return self.browser.execute_script(script, *arguments)

    def errors(self) -> list[str]:
        """Return what the browser complained of since the last call; a refused request is no complaint."""
        logged = self.browser.get_log("browser")
        return [each["message"] for each in logged if "Failed to load resource" not in each["message"]]

    def type(self, place: int, text: str) -> None:
        """Write into an input's field."""
        field = self.one(f"#input-{place}")
        self.run("arguments[0].value = ''", field)
        field.send_keys(text)

    def keyboard(self, keys: str) -> None:
        """Press keys on what has the focus."""
        self.browser.switch_to.active_element.send_keys(keys)

    def theme(self, name: str | None) -> None:
        """Prefer a theme; without a name, the browser's own."""
        features = [{"name": "prefers-color-scheme", "value": name}] if name else []
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def size(self, width: int, height: int) -> None:
        """Take another size than the window's, in CSS pixels."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def window_size(self) -> None:
        """Take the window's own size again."""
        self.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})

    def label(self) -> str:
        """Return the label of the answer."""
        return self.one(".answer .label").text


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the browser keeps its things."""
    return tmp_path_factory.mktemp("browser")


@pytest.fixture(scope="session")
def browser(folder: Path) -> Iterator[Chrome]:
    """Chromium without a window; what it keeps it keeps by origin, and each service has its own."""
    with chromium(folder) as browser:
        browser.set_script_timeout(WAIT_S)
        yield browser


def chromium(folder: Path) -> Chrome:
    """Start a browser, which keeps what it keeps in a folder."""
    options = ChromeOptions()
    options.binary_location = shutil.which("chromium") or "chromium"
    for flag in (*FLAGS, f"--user-data-dir={folder / 'profile'}"):
        options.add_argument(flag)
    options.add_experimental_option("prefs", {"download.default_directory": str(folder / "downloads")})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return Chrome(options, Driver(shutil.which("chromedriver") or "chromedriver"))


@pytest.fixture
def page(browser: Chrome, folder: Path) -> Iterator[Page]:
    """The page; a test that leaves a complaint of the browser behind fails."""
    found = Page(browser, folder / "downloads")
    found.errors()
    yield found
    complaints = found.errors()
    browser.get("about:blank")
    assert not complaints


def hostile() -> tuple[list[str], list[str]]:
    """Return hostile names of columns and of classes."""
    found = json.loads(NAMES.read_text())
    return found["inputs"], found["classes"]


def example(document: dict[str, Any]) -> dict[str, Any]:
    """Return the request by position that a service's OpenAPI document shows for the default model."""
    body = document["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]
    found: dict[str, Any] = body["examples"]["by position"]["value"]
    return found


def frames() -> dict[str, pd.DataFrame]:
    """Return training data by model name; the target is the last column."""
    random = np.random.default_rng(7)
    rows = 400

    def numbers(*names: str) -> dict[str, Any]:
        return {name: random.normal(10, 3, rows).round(2) for name in names}

    two = pd.DataFrame(numbers("width", "height"))
    two["kind"] = np.where(two.width + two.height + random.normal(0, 2, rows) > 20, "large", "small")
    mixed = pd.DataFrame(numbers("age", "income"))
    mixed["city"] = random.choice(["Ulm", "Bonn", "Köln"], rows, p=[0.5, 0.3, 0.2])
    mixed["member"] = random.choice(["yes", "no"], rows)
    mixed["stars"] = random.choice([1, 2, 3], rows)
    score = mixed.age / 3 + (mixed.city == "Ulm") * 2 + (mixed.member == "yes") + random.normal(0, 1, rows)
    mixed.loc[random.random(rows) < 0.1, "income"] = np.nan
    mixed.loc[random.random(rows) < 0.1, "city"] = np.nan
    mixed["bought"] = np.where(score > score.median(), "bought", "left")
    ten = pd.DataFrame(numbers(*(f"feature {number}" for number in range(6))))
    ten["class"] = [f"class {int(value)}" for value in (ten.rank(pct=True).iloc[:, 0] * 9.99)]
    inputs, classes = hostile()
    odd = pd.DataFrame(numbers(*inputs))
    odd["what is it"] = [classes[int(value)] for value in (odd.rank(pct=True).iloc[:, 0] * 4.99)]
    return {"two": two, "mixed": mixed, "ten": ten, "hostile": odd}


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of the default model and those of `frames`, whose files lie beside it; tests only read it."""
    root = tmp_path_factory.mktemp("models") / "store"
    train(root)
    return root


def train(root: Path) -> None:
    """Train all models into a new store."""
    assert main(["--store", str(root)]) == 0
    for name, frame in frames().items():
        data = root.parent / f"{name}.csv"
        frame.to_csv(data, index=False)
        options = ["--data", str(data), "--target", frame.columns[-1], "--name", name, "--store", str(root)]
        assert main([*options, "--categorical", "stars"] if name == "mixed" else options) == 0


@pytest.fixture(scope="session")
def served(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service of all the models, which tests share; none may harm it."""
    shared = serve(models, tmp_path_factory.mktemp("served") / "service.log")
    yield shared
    shared.close()


def serve(store: Path, log: Path) -> Service:
    """Start a service of all models, the default one first."""
    settings = {"model": ",".join(["breast-cancer", *frames()]), "api_servers": 1}
    found = Service(store, log, settings, None)
    found.wait_ready()
    return found


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


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """A file with one key that may predict, KEY."""
    file = tmp_path / "keys"
    file.write_text(f"someone:{hashlib.sha256(KEY.encode()).hexdigest()}\n")
    return file
