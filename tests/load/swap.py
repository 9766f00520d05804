"""Measure swaps: under load with processes killed, while idle, and of many models beside one.

Prints tables and writes results/swap.json; the exit status is 1 when a promise is broken.
"""

import argparse
import json
import shutil
import sys
import tempfile
from asyncio import sleep
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil
import uvloop

from models.artifact import Artifact
from models.defaults import DEFAULT_MODEL
from tests.bench import cpu
from tests.e2e.running import Service, wait_for
from tests.load import closedloop, memory, report, several, swapping
from tests.load.report import HELD, Phases
from tests.load.swapping import Idle, Loaded
from tests.load.versions import ROOT, Expected, copy, train

CLIENTS = 32
LOAD = 0.5
"""Of the highest rate of this load generator."""
CAPACITY_S = 4.0
PROCESSES = 2
SETTINGS = {"api_servers": PROCESSES, "workers_per_device": PROCESSES}
FEW = {"max_versions": 4, "timeout_s": 1}
"""So that memory is given back within seconds: 4 versions answer, who leaves goes 6 s later."""
UP_S = 60


@contextmanager
def served(store: Path, folder: Path, **settings: Any) -> Iterator[Service]:
    """Serve a store with two processes of each kind, all of them up."""
    service = Service(store, folder / "service.log", SETTINGS | settings, None)
    try:
        service.wait_ready()
        _wait_up(service)
        yield service
    finally:
        service.close()


def _wait_up(service: Service) -> None:
    wait_for(lambda: len(service.apis()) == service.metric("worker_up") == PROCESSES, UP_S, every_s=0.2)


def load(store: Path, folder: Path, expected: Expected, seconds: float, swaps: int) -> Phases:
    """Measure the load for so long without swaps, then for so many swaps with a worker and others killed."""
    with served(store, folder) as service:
        length = sleep(min(CAPACITY_S, seconds))
        closed = closedloop.run(service.port, CLIENTS, length, expected.request, think_s=0)
        capacity = uvloop.run(closed).rate()
        rate = LOAD * capacity

        def phase(**what: Any) -> Loaded:
            ran = swapping.under_load(service, store, expected, clients=CLIENTS, rate=rate, **what)
            return uvloop.run(ran)

        phase(swaps=len(expected.versions))  # so that all are held from here on
        without = phase(seconds=seconds)
        before = memory.look(service)
        swapped = phase(swaps=swaps, kill=True)
        _wait_up(service)
        return Phases(capacity, rate, without, swapped, before, memory.look(service))


def idle(folder: Path, artifact: Artifact, swaps: int, warm: int) -> Idle:
    """Measure so many swaps to new versions, none of them under load."""
    store, run_dir = folder / "idle", folder / "run"
    copy(artifact, store, DEFAULT_MODEL)
    with served(store, folder, run_dir=run_dir, **FEW) as service:
        return swapping.idle(service, store, artifact, run_dir, warm=warm, swaps=swaps)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.load.swap", description=__doc__)
    parser.add_argument("--swaps", type=int, default=100, help="under load, one a second (%(default)s)")
    parser.add_argument("--idle", type=int, default=60, help="without load, one a second (%(default)s)")
    parser.add_argument("--seconds", type=int, default=30, help="of the load without swaps (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="of one model, then many (%(default)s)")
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "swap.json", help="for the JSON")
    parser.add_argument("--quick", action="store_true", help="does it run at all? No figure is judged")
    options = parser.parse_args(arguments)
    if options.quick:
        options.swaps, options.idle, options.seconds, options.rounds = 6, 2, 2, 1
    return options


def main(arguments: list[str] | None = None) -> int:
    """Measure, print and write. Return 1 if a promise is broken, 2 if wrk is missing."""
    options = _options(arguments)
    if shutil.which("wrk") is None:
        sys.stderr.write("wrk is missing: install it (Debian: apt-get install wrk)\n")
        return 2
    busy = psutil.cpu_percent(interval=1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = folder / "store"
        artifacts = train(store)
        sys.stderr.write(f"{options.swaps} swaps under load\n")
        phases = load(store, folder, Expected(artifacts), options.seconds, options.swaps)
        sys.stderr.write(f"{options.idle} swaps while idle\n")
        idly = idle(folder, artifacts[0], options.idle, warm=2 if options.quick else HELD)
        sys.stderr.write(f"{several.MODELS} models beside one\n")
        length = 1 if options.quick else 5
        many = several.compare(artifacts[0], several.MODELS, options.rounds, length, SETTINGS)
    machine = f"{psutil.cpu_count()} cores of {cpu.model()}, {busy:.0f} % busy before the run"
    promises = report.promises(phases, idly, many)
    sys.stdout.write(f"{machine}\n\n{report.tables(phases, idly, many)}\n\n")
    broken = False
    for promise in promises:
        judged = not (promise.timed and options.quick)
        state = "not judged" if not judged else "kept" if promise.kept else "BROKEN"
        sys.stdout.write(f"{state}: {promise.text}: {promise.found:.4g}\n")
        broken |= judged and not promise.kept
    told = {
        "machine": machine,
        "capacity": phases.capacity,
        "without_swaps": phases.without.result.report(),
        "with_swaps": phases.swapped.result.report(),
        "apart_from_kills": phases.apart_from_kills().report(),
        "swap_s": phases.swapped.seconds,
        "memory": [phases.before, phases.after],
        "idle": asdict(idly),
        "several": asdict(many),
        "promises": [asdict(promise) for promise in promises],
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(told, indent=1) + "\n")
    return int(broken)


if __name__ == "__main__":
    sys.exit(main())
