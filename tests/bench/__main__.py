"""`make bench`: logitserve beside its limit and its alternatives, in one run on one machine.

The order of a run is here; how a server is started, loaded and reported on is not.
"""

import argparse
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import asdict, replace
from pathlib import Path

import psutil

from tests.bench import cpu, load, peers, table
from tests.bench.table import Footprint, Sample
from tests.bench.targets import ROOT, TARGETS, Server, serve
from tests.bench.workloads import WORKLOADS, Workload

WARM_UP_S = 1
IDLE_S = 3
BUSY_S = 1


def main() -> int:
    """Measure, print the tables and write the JSON. 1 if a request failed, 2 if wrk is missing."""
    options = _options()
    if shutil.which("wrk") is None:
        sys.stderr.write("wrk is missing: install it (Debian: apt-get install wrk)\n")
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # unwinds, so that no server outlives the run
    first, *others = WORKLOADS
    workloads = [replace(first, connections=tuple(options.connections)), *others]
    samples: list[Sample] = []
    footprints: list[Footprint] = []
    with tempfile.TemporaryDirectory() as directory:
        store = Path(directory)
        _train(store)
        if any(TARGETS[target].python == peers.PYTHON for target in options.targets):
            peers.install()
        busy = psutil.cpu_percent(interval=BUSY_S)
        for number in range(options.rounds):
            for target in options.targets:
                sys.stderr.write(f"round {number + 1} of {options.rounds}: {target}\n")
                understood = [each for each in workloads if target in each.targets]
                with serve(target, store, understood[0]) as server:
                    idle = server.cpu_share(IDLE_S)
                    samples += _loads(server, number, target, understood, options.seconds)
                    footprints.append(Footprint(number, target, server.ready_s, idle, server.memory_bytes()))
    machine = (
        f"{os.cpu_count()} cores of {cpu.model()}, {busy:.0f} % busy before the run; wrk on the same cores;"
        f" Python {platform.python_version()}"
    )
    return _report(options, machine, samples, footprints)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m tests.bench", description=__doc__)
    whole = {"type": int, "metavar": "N"}
    parser.add_argument(
        "--rounds", default=3, **whole, help="each figure is the median of so many (%(default)s)"
    )
    parser.add_argument("--seconds", default=3, **whole, help="length of one measurement (%(default)s)")
    parser.add_argument(
        "--targets", nargs="+", choices=TARGETS, default=list(TARGETS), help="which to run (all)"
    )
    parser.add_argument(
        "--connections", nargs="+", default=WORKLOADS[0].connections, **whole, help="for one row (1 32 128)"
    )
    parser.add_argument(
        "--out", type=Path, default=ROOT / "results" / "bench.json", help="where the JSON goes"
    )
    parser.add_argument("--quick", action="store_true", help="one round of one second: does it run at all?")
    options = parser.parse_args()
    if options.quick:
        options.rounds = options.seconds = 1
    return options


def _train(store: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "training", "--store", store], cwd=ROOT, check=True, stdout=sys.stderr
    )


def _loads(server: Server, number: int, target: str, workloads: list[Workload], seconds: int) -> list[Sample]:
    samples = []
    for workload in workloads:
        load.apply(workload, server.port, max(workload.connections), WARM_UP_S)
        for connections in workload.connections:
            before = server.cpu_s()
            result = load.apply(workload, server.port, connections, seconds)
            used = server.cpu_s()
            used.subtract(before)
            samples.append(Sample(number, target, workload.name, connections, result, dict(used)))
    return samples


def _report(
    options: argparse.Namespace, machine: str, samples: list[Sample], footprints: list[Footprint]
) -> int:
    rows, costs = table.rows(samples), table.costs(footprints)
    command = (
        f"python -m tests.bench --rounds {options.rounds} --seconds {options.seconds}"
        f" --targets {' '.join(options.targets)} --connections {' '.join(map(str, options.connections))}"
    )
    sys.stdout.write(f"`{command}`\n\n{machine}\n\n{table.markdown(rows, costs)}\n")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    parts = {"rows": rows, "costs": costs, "samples": samples, "footprints": footprints}
    told = {name: [asdict(each) for each in part] for name, part in parts.items()}
    options.out.write_text(json.dumps({"command": command, "machine": machine, **told}, indent=1) + "\n")
    failed = [f"{row.target}, {row.workload}, {row.connections} connections" for row in rows if row.errors]
    for which in failed:
        sys.stderr.write(f"REQUESTS FAILED: {which}. The figures above are worth nothing.\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
