"""Many models beside one: the rate of each service at the same concurrency, and the memory of a version.

`python -m tests.load.several` prints the rates by connections and workers.
"""

import argparse
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from models.artifact import Artifact
from models.defaults import DEFAULT_MODEL
from models.repository import Repository
from tests.bench import load
from tests.bench.workloads import Workload
from tests.e2e.running import Service
from tests.load import memory
from tests.load.memory import Memory
from tests.load.versions import body, copy, rows
from training.__main__ import main as train

CONNECTIONS = 32
GRID = [(connections, workers) for connections in (32, 128) for workers in (1, 2)]
MODELS = 8
WARM_UP_S = 1


@dataclass(frozen=True)
class Several:
    """Answers a second of both in each round, what failed, and both services' memory after it."""

    models: int
    one: list[float]
    many: list[float]
    errors: int
    memory_of_one: Memory
    memory_of_many: Memory

    def ratio(self) -> float:
        """Return the rate of many by that of one: the median of the rounds' ratios."""
        return median(many / one for one, many in zip(self.one, self.many, strict=True))

    def kib_a_version(self, kind: str) -> float:
        """Return what one more model adds to one process of a kind, in KiB (PSS)."""
        one, many = self.memory_of_one[kind], self.memory_of_many[kind]
        return (many["pss"] - one["pss"]) / (self.models - 1) / one["processes"] * 1024


def compare(
    artifact: Artifact,
    models: int,
    rounds: int,
    seconds: int,
    settings: dict[str, int],
    connections: int = CONNECTIONS,
) -> Several:
    """Start a service of one model and one of `models`, the same under other names; load them in turn.

    Each connection asks the models in turn, so the load is even. Needs wrk.
    """
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        services = []
        for count in (1, models):
            store = Path(folder) / f"store-{count}"
            for number in range(count):
                copy(artifact, store, f"m{number}")
            service = Service(
                store, Path(folder) / f"service-{count}.log", settings | {"model": _names(count)}, None
            )
            stack.callback(service.close)
            service.wait_ready()
            services.append(service)
        sent = body(0, rows(artifact, 1)[0].tolist())
        workloads = [_workload(count, sent, connections) for count in (1, models)]
        found = [
            [load.apply(workload, service.port, connections, length) for length in (WARM_UP_S, seconds)][-1]
            for _ in range(rounds)
            for service, workload in zip(services, workloads, strict=True)
        ]
        one, many = (memory.look(service) for service in services)
    rates = [each.rate for each in found]
    return Several(models, rates[::2], rates[1::2], sum(each.errors for each in found), one, many)


def _names(count: int) -> str:
    return ",".join(f"m{number}" for number in range(count))


def _workload(models: int, sent: bytes, connections: int) -> Workload:
    return Workload(f"{models} models", "/models/m{n}/predict", (sent,) * models, (connections,), ())


def main() -> None:
    """Print a table, a row for each number of connections and workers."""
    parser = argparse.ArgumentParser(prog="python -m tests.load.several", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    options = parser.parse_args()
    sys.stdout.write(f"connections  workers  1 model  {MODELS} models  of one\n")
    with tempfile.TemporaryDirectory() as folder:
        assert train(["--store", folder, "--quiet"]) == 0
        artifact = Repository(Path(folder)).resolve(DEFAULT_MODEL)
        for connections, workers in GRID:
            settings = {"workers_per_device": workers}
            found = compare(artifact, MODELS, options.rounds, options.seconds, settings, connections)
            assert not found.errors
            rates = f"{median(found.one):7,.0f}  {median(found.many):8,.0f}"
            sys.stdout.write(f"{connections:11}  {workers:7}  {rates}  {found.ratio():6.2f}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
