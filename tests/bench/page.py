"""What the page costs: `python -m tests.bench.page`. Needs wrk and Chromium.

Its first answer, its frames and requests while a slider is dragged, the service's CPU seconds a request
while one Live tab is open beside none, and the memory of such a tab (`--minutes`).
"""

import argparse
import json
import math
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import mean, median, stdev

from models.repository import Artifact, Repository
from tests.bench import load
from tests.bench.workloads import Workload
from tests.e2e.page.conftest import Page, chromium
from tests.e2e.running import Service
from training.__main__ import main as train

ROUNDS = 9
STUDENT = 2.306
"""The 97.5 % point of Student's t with 8 degrees of freedom."""
CONNECTIONS = 32
WAIT_S = 60
SEEN = """
new MutationObserver(() => {
  if (!window.first && document.querySelector('.answer .label')) window.first = performance.now();
}).observe(document, { childList: true, subtree: true });
"""
DRAG = """
const done = arguments[0];
const slider = document.querySelector('.field input[type=range]');
performance.clearResourceTimings();
const [low, high, began] = [Number(slider.min), Number(slider.max), performance.now()];
let frames = 0;
const frame = now => {
  if (now - began > 5000) {
    const asked = performance.getEntriesByType('resource').filter(each => each.name.endsWith('predict'));
    return done([frames / 5, asked.length / 5]);
  }
  frames++;
  slider.value = low + (high - low) * (0.5 + 0.5 * Math.sin((now - began) / 300));
  slider.dispatchEvent(new Event('input', { bubbles: true }));
  requestAnimationFrame(frame);
};
requestAnimationFrame(frame);
"""


@contextmanager
def running(folder: Path) -> Iterator[tuple[Service, Artifact]]:
    """Start a service of the default model."""
    assert train(["--store", str(folder / "store"), "--quiet"]) == 0
    service = Service(folder / "store", folder / "service.log", {}, None)
    try:
        service.wait_ready()
        yield service, Repository(folder / "store").resolve("breast-cancer")
    finally:
        service.close()


def first_answer(page: Page, url: str) -> float:
    """Return the milliseconds from opening the page to its first answer."""
    page.open(url)
    found: float = page.wait(lambda: page.run("return window.first"))
    return found


def cpu_s(service: Service) -> float:
    """Return the CPU seconds that all processes of the service have used."""
    return sum(sum(process.cpu_times()[:2]) for process in service.tree())


def thousand(service: Service, workload: Workload, seconds: int) -> float:
    """Return the CPU seconds of 1,000 requests under load."""
    before = cpu_s(service)
    found = load.apply(workload, service.port, CONNECTIONS, seconds)
    assert not found.errors
    return (cpu_s(service) - before) / found.requests * 1000


def live_ratio(page: Page, service: Service, workload: Workload, seconds: int) -> tuple[float, float, float]:
    """Return the ratio of CPU seconds a request with a Live tab by those without, and its 95 % interval."""
    logs = []
    for number in range(ROUNDS):
        found = {}
        for live in (number % 2 == 0, number % 2 == 1):
            if live:
                page.open(f"{service.url}/#live")
                page.says("Live", "main")
            else:
                page.browser.get("about:blank")
            found[live] = thousand(service, workload, seconds)
        logs.append(math.log(found[True] / found[False]))
    half = STUDENT * stdev(logs) / math.sqrt(ROUNDS)
    return math.exp(mean(logs)), math.exp(mean(logs) - half), math.exp(mean(logs) + half)


def held(page: Page) -> tuple[float, int]:
    """Return the MiB that a tab's scripts hold after a collection, and how many nodes there are."""
    page.browser.execute_cdp_cmd("HeapProfiler.collectGarbage", {})
    metrics = page.browser.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
    values = {each["name"]: each["value"] for each in metrics}
    return values["JSHeapUsedSize"] / 2**20, int(values["Nodes"])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.page", description=__doc__)
    parser.add_argument("--seconds", type=int, default=10, help="of each load")
    parser.add_argument("--minutes", type=int, default=0, help="that a Live tab is watched")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, running(Path(name)) as (service, artifact):
        row = [float(cell) for cell in artifact.manifest.golden[0].input if cell is not None]
        body = json.dumps({"instances": [row]}).encode()
        workload = Workload("predict", "/predict", (body,), (CONNECTIONS,), ())
        with chromium(Path(name)) as browser:
            page = Page(browser, Path(name))
            browser.execute_cdp_cmd("Performance.enable", {})
            if options.minutes:
                watch(page, service, row, options.minutes)
                return
            browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": SEEN})
            firsts = [first_answer(page, service.url) for _ in range(ROUNDS)]
            out(f"first answer: {median(firsts):.0f} ms, from {min(firsts):.0f} to {max(firsts):.0f}")
            browser.set_script_timeout(WAIT_S)
            frames, asked = browser.execute_async_script(DRAG)
            out(f"while a slider is dragged: {frames:.0f} frames and {asked:.1f} requests a second")
            ratio = live_ratio(page, service, workload, options.seconds)
            out("CPU a request with a Live tab, of that without: {:.3f} [{:.3f}, {:.3f}]".format(*ratio))


def watch(page: Page, service: Service, row: list[float], minutes: int) -> None:
    """Print what a Live tab holds, ten times while a few requests a second are answered."""
    page.open(f"{service.url}/#live")
    end = time.monotonic() + minutes * 60
    told = 0
    while time.monotonic() < end:
        service.predict(row)
        time.sleep(0.2)
        passed = minutes - (end - time.monotonic()) / 60
        if passed >= told * minutes / 10:
            told += 1
            out("after {:.0f} minutes: {:.2f} MiB, {} nodes".format(passed, *held(page)))
    out("after {} minutes: {:.2f} MiB, {} nodes".format(minutes, *held(page)))


def out(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
