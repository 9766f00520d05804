"""From rows that drift to the ticket: a real service, the load tool, a real Prometheus, the dashboard."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.deploy.promtool import CONFIG
from tests.deploy.test_grafana import expressions
from tests.deploy.watching import Found, values, watching
from tests.e2e.running import Service, wait_for

FASTER = {"[1h]": "[20s]", "[1d:1h]": "[60s:20s]", "[1d]": "[60s]", "interval: 1m": "interval: 500ms"}
FASTER |= {"interval: 2m": "interval: 500ms", "for: 10m": "for: 1s"}
"""A window of 20 s instead of an hour, or nobody would wait for this test."""
FIRING = 'ALERTS{alertname="LogitserveDrift", alertstate="firing", kind="input", window="1h"}'


def faster(folder: Path) -> list[Path]:
    """Write the rules down with shorter times."""
    made = []
    for name in ("slo.yml", "drift.yml", "alerts.yml"):
        text = (CONFIG / name).read_text()
        for slow, quick in FASTER.items():
            text = text.replace(slow, quick)
        path = folder / name
        path.write_text(text)
        made.append(path)
    return made


def load(service: Service, folder: Path, *more: str) -> subprocess.Popen[bytes]:
    """Start the load tool: 20 users, 200 rows a second."""
    command = [sys.executable, "-m", "deploy.load", "--host", service.url, "--results", str(folder)]
    return subprocess.Popen(
        [*command, "--seconds", "120", "--slo-p99-ms", "1e6", *more],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def unseen(query: Callable[[str], Found]) -> list[str]:
    """Return the expressions of the dashboard's drift that have nothing to show.

    No cell was refused for each reason, and no truth or category can be gone.
    """
    drawn = [each for each in expressions() if "drift" in each and not re.search("refused|gone", each)]
    assert len(drawn) > 3
    return [each for each in drawn if not query(each.replace("$__rate_interval", "10s"))]


def test_shifted_rows_end_in_a_ticket_and_others_do_not(
    start: Callable[..., Service], tmp_path: Path
) -> None:
    """Rows like training's name no input; two standard deviations off, nearly each is named, and is seen."""
    service = start(api_servers=2)
    with watching(service, tmp_path, faster(tmp_path)) as query:

        def rows() -> float:
            """Return how many rows the window has."""
            return sum(values(query('column:logitserve_drift_rows{column="mean area", window="1h"}')))

        def named() -> Found:
            return query(FIRING)

        def columns() -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = service.http.get("/models/breast-cancer/drift").json()["columns"]
            return found

        usual = load(service, tmp_path)
        try:
            wait_for(lambda: rows() > 2000, within_s=60, every_s=0.5)
            assert query('column:logitserve_drift_psi{kind="input", window="1h"}') != []
            assert named() == []
        finally:
            usual.terminate()
            usual.wait()
        shifted = load(service, tmp_path, "--shift", "2")
        try:
            wait_for(lambda: len(named()) > 20, within_s=90, every_s=0.5)
            # A day's window begins with its first whole hour, which is 20 s here.
            wait_for(lambda: unseen(query) == [], within_s=90, every_s=0.5)
            assert {each["metric"]["severity"] for each in named()} == {"ticket"}
            # Its hour has the usual rows too.
            wait_for(lambda: sum(column["drifted"] for column in columns()) > 20, within_s=60, every_s=0.5)
            assert columns()[0]["psi"] > columns()[0]["bound"]
        finally:
            shifted.terminate()
            shifted.wait()
