"""Report goodput and latencies at twice and ten times the capacity of a deliberately slow model.

The capacity is known: the model takes its time by the clock. Prints one JSON object.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from pathlib import Path

import psutil

from deploy.load import openloop
from tests.e2e import faulty
from tests.e2e.running import Service

CAPACITY = 1 / faulty.SECONDS_PER_ROW
"""Rows a second."""
FACTORS = (0.8, 2, 10)
RECOVERY_LOAD = 0.5
"""Of the capacity, for the second after each overload, in which everything must be answered again."""


def memory_mb(service: Service) -> float:
    """Return the private memory of the HTTP processes."""
    return sum(api.memory_full_info().uss for api in service.apis()) / 2**20


def measure(service: Service, factor: float, seconds: float) -> dict[str, object]:
    """Load a service of the slow model at `factor` times its capacity, and say what came of it."""
    before = memory_mb(service)
    arrivals = openloop.poisson(factor * CAPACITY, seconds)
    result = asyncio.run(openloop.run(service.port, arrivals, faulty.request, faulty.right))
    calm = openloop.poisson(RECOVERY_LOAD * CAPACITY, 1)
    after = asyncio.run(openloop.run(service.port, calm, faulty.request, faulty.right))
    return {
        "offered_of_capacity": factor,
        "goodput_of_capacity": round(result.rate(200) / CAPACITY, 3),
        **result.report(),
        "recovered": set(after.counts()) == {200},
        "memory_grew_mb": round(memory_mb(service) - before, 1),
    }


def main() -> None:
    """Start a service of the slow model and overload it."""
    parser = argparse.ArgumentParser(prog="python -m tests.load.overload", description=__doc__)
    parser.add_argument("--seconds", type=float, default=20, help="length of each load")
    parser.add_argument("--timeout-s", type=float, default=2, help="deadline of a request")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = faulty.publish(Path(folder) / "store", "slow", faulty.SECONDS_PER_ROW)
        settings = {"timeout_s": arguments.timeout_s, "api_servers": 1}
        service = Service(store, Path(folder) / "service.log", settings, None)
        try:
            service.wait_ready()
            report = [measure(service, factor, arguments.seconds) for factor in FACTORS]
        finally:
            service.close()
    machine = {"cores": psutil.cpu_count(), "load_before": psutil.getloadavg()[0]}
    json.dump({"capacity": CAPACITY, "machine": machine, "loads": report}, sys.stdout, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
