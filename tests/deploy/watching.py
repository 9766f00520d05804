"""A real Prometheus beside a service, with the shipped configuration, only faster."""

import contextlib
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import psutil
import yaml

from tests.deploy.promtool import CONFIG
from tests.e2e.running import Service, free_port

Found = list[dict[str, Any]]
"""Series: `metric`, its labels, and `value`, a time and a text."""


def values(found: Found) -> list[float]:
    """Return the numbers of series."""
    return [float(each["value"][1]) for each in found]


@contextlib.contextmanager
def watching(service: Service, folder: Path, rules: Sequence[Path]) -> Iterator[Callable[[str], Found]]:
    """Run it on these rule files; yield what answers an expression, with nothing until there is an answer."""
    config = yaml.safe_load((CONFIG / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "500ms", "evaluation_interval": "500ms"}
    config["rule_files"] = [str(path) for path in rules]
    config["scrape_configs"][0]["static_configs"] = [{"targets": [f"127.0.0.1:{service.port}"]}]
    (folder / "prometheus.yml").write_text(json.dumps(config))
    port = free_port()
    with (folder / "prometheus.log").open("w") as log:
        prometheus = psutil.Popen(
            [
                "prometheus",
                f"--config.file={folder}/prometheus.yml",
                f"--storage.tsdb.path={folder}/data",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=log,
        )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1") as http:

            def query(expression: str) -> Found:
                try:
                    answer = http.get("/query", params={"query": expression}).json()
                    found: Found = answer["data"]["result"]
                except (httpx.TransportError, KeyError, ValueError):  # it is still starting
                    return []
                return found

            yield query
    finally:
        prometheus.terminate()
        assert prometheus.wait(10) == 0
