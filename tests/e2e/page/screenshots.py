"""`make screenshots`: pictures of each part of the page, in both themes and three widths, to be looked at."""

import argparse
import base64
import tempfile
from pathlib import Path

from tests.e2e.page import conftest
from tests.e2e.page.conftest import Page
from tests.e2e.running import Service

THEMES = ("light", "dark")
WIDTHS = (360, 1280, 2560)
ROWS = 200
"""Rows that are scored before Live is looked at."""
PARTS = {
    "try": "Version 1 answers",
    "why": "logit",
    "batch": "rows answered",
    "model": "Coefficients",
    "live": "All processes of service",
    "drift": "in the last 60 minutes",
    "versions": "refused",
    "api": "openapi.json",
}
"""What a part says when it is whole."""


def picture(page: Page, theme: str, width: int, to: Path) -> None:
    """Save what the page shows, from its top to its end."""
    page.theme(theme)
    page.size(width, 900)
    height = page.run("return document.documentElement.scrollHeight")
    clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
    wanted = {"captureBeyondViewport": True, "clip": clip}
    shot = page.browser.execute_cdp_cmd("Page.captureScreenshot", wanted)
    to.write_bytes(base64.b64decode(shot["data"]))


def visit(page: Page, service: Service, model: str, part: str, file: Path) -> None:
    """Open a part of the page for a model, and wait until it is whole."""
    page.open(f"{service.url}/#{part}?model={model}")
    if part == "batch":
        page.one("#file").send_keys(str(file))
    page.says(PARTS[part])
    if part == "try":
        page.wait(lambda: page.all(".flip"))
    if part == "api":
        page.run("document.querySelectorAll('details')[8].open = true")
    page.run("window.scrollTo(0, 0)")


def main() -> None:
    """Make them."""
    parser = argparse.ArgumentParser(prog="make screenshots", description=__doc__)
    parser.add_argument("--to", type=Path, default=Path("build/screenshots"), help="the folder")
    parser.add_argument("--models", default="breast-cancer,two,mixed,ten,hostile")
    parser.add_argument("--parts", default=",".join(PARTS))
    options = parser.parse_args()
    options.to.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        conftest.train(folder / "store")
        service = conftest.serve(folder / "store", folder / "service.log")
        try:
            with conftest.chromium(folder) as browser:
                page = Page(browser, folder)
                for model in options.models.split(","):
                    request = conftest.example(service.http.get("/openapi.json").json())
                    for _ in range(ROWS):
                        service.http.post("/predict", json=request)
                    for part in options.parts.split(","):
                        if part == "batch" and model == "breast-cancer":
                            continue  # its training set is no file
                        visit(page, service, model, part, folder / f"{model}.csv")
                        for theme in THEMES:
                            for width in WIDTHS:
                                name = f"{model}-{part}-{theme}-{width}.png"
                                picture(page, theme, width, options.to / name)
        finally:
            service.close()


if __name__ == "__main__":
    main()
