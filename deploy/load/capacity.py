"""Find the highest Poisson rate within the SLO, and derive from it how to size a deployment.

The loop is open and a latency counts from the scheduled send, so a service that stalls cannot hide it. The
load generator is one Python process: on the service's own cores the rate found is a lower bound.
"""

import argparse
import http.client
import json
import os
import platform
import random
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import uvloop
from prometheus_client.parser import text_string_to_metric_families

from deploy.load import openloop
from deploy.load.__main__ import serving
from deploy.load.client import post
from deploy.load.samples import Result
from deploy.load.sizing import HEADROOM, Measured, derive
from models.cores import usable_cores
from service.metrics.buckets import SLO_S

FIRST_RATE = 100.0
HALVINGS = 4
"""After these the rate is known to a sixteenth of the last doubling."""
CONFIRMING_RUNS = 3
STEP_BACK = 0.9
"""What a rate that was not confirmed is multiplied by for the next try."""
STAY = "logitserve_http_request_duration_seconds_sum"
"""The stay inside the service, which is what its gauge of pending requests counts."""
BODIES = 256
"""Different requests, made before the load so that drawing rows costs nothing while it runs."""


def within_slo(result: Result) -> bool:
    """Return whether every answer was a right 200 and 99 % of them came within the SLO."""
    return set(result.counts()) == {200} and not result.wrong() and result.percentile(99) < SLO_S


def search(good: Callable[[float], bool]) -> float:
    """Return the highest rate for which `good` holds, and holds again in each confirming run.

    Raises RuntimeError when not even a sixteenth of the first rate is good.
    """
    low, high = 0.0, FIRST_RATE
    while good(high):
        low, high = high, 2 * high
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if good(middle) else (low, middle)
    while low >= FIRST_RATE / 2**HALVINGS:
        if all(good(low) for _ in range(CONFIRMING_RUNS)):
            return low
        low *= STEP_BACK
    raise RuntimeError("no rate is within the SLO: is something else running on these cores?")


def bodies(url: str) -> list[bytes]:
    """Draw requests of one row from the training statistics that the service tells."""
    inputs = httpx.get(f"{url}/info").json()["inputs"]
    draw = random.Random(0)
    references = [column["reference"] for column in inputs]
    return [post([[draw.uniform(each["min"], each["max"]) for each in references]]) for _ in range(BODIES)]


def stay_s(url: str) -> float:
    """Return the seconds that all predictions so far have been inside the service, from its metrics."""
    families = text_string_to_metric_families(httpx.get(f"{url}/metrics").text)
    samples = [sample for family in families for sample in family.samples]
    return sum(each.value for each in samples if each.name == STAY and each.labels["route"] == "/predict")


def measure(
    url: str, requests: list[bytes], rate: float, seconds: float, log: list[dict[str, Any]]
) -> Result:
    """Load the service with `rate` for so long; what came of it goes to `log` and to standard error."""
    port = urlsplit(url).port or http.client.HTTP_PORT
    arrivals = openloop.poisson(rate, seconds, seed=len(log))
    result = uvloop.run(openloop.run(port, arrivals, lambda number: requests[number % BODIES]))
    good = within_slo(result)
    log.append({"rate_per_s": rate, "within_slo": good, "report": result.report()})
    sys.stderr.write(f"{rate:8.1f}/s  p99 {result.percentile(99) * 1e3:7.2f} ms  {'yes' if good else 'no'}\n")
    return result


def main() -> int:
    """Measure a service that is started for it, and write rate, settings and arithmetic as JSON."""
    parser = argparse.ArgumentParser(prog="python -m deploy.load.capacity", description=main.__doc__)
    parser.add_argument("--seconds", type=float, default=5, help="length of one run")
    parser.add_argument("--wanted", type=float, default=1_000_000, help="predictions a second to plan for")
    parser.add_argument("--out", type=Path, default=Path("results/capacity.json"))
    options = parser.parse_args()
    log: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as url:
        requests = bodies(url)
        measure(url, requests, FIRST_RATE, 1, [])  # connections, and the model's first batches
        try:
            rate = search(lambda rate: within_slo(measure(url, requests, rate, options.seconds, log)))
        except RuntimeError as error:
            sys.stderr.write(f"error: {error}\n")
            return 1
        before = stay_s(url)
        planned = measure(url, requests, HEADROOM * rate, options.seconds, log)
        mean_s = (stay_s(url) - before) / len(planned.samples)
    document = {
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {"cores": usable_cores(), "python": platform.python_version(), "load": os.getloadavg()},
        "slo": {"p99_s": SLO_S, "errors": 0},
        "rate_per_s": round(rate, 1),
        "mean_s_when_planned": mean_s,
        **derive(Measured(rate, mean_s, usable_cores()), options.wanted),
        "runs": log,
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(document, indent=2) + "\n")
    sys.stdout.write(json.dumps({key: document[key] for key in document if key != "runs"}, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
