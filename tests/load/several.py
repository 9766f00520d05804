"""Many models beside one: the rate of each service at the same concurrency, and the memory of a version."""

import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from models.artifact import Artifact
from tests.bench import load
from tests.bench.workloads import Workload
from tests.e2e.running import Service
from tests.load import memory
from tests.load.memory import Memory
from tests.load.versions import body, copy, rows

CONNECTIONS = 32
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


def compare(artifact: Artifact, models: int, rounds: int, seconds: int, settings: dict[str, int]) -> Several:
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
        workloads = [_workload(count, sent) for count in (1, models)]
        found = [
            [load.apply(workload, service.port, CONNECTIONS, length) for length in (WARM_UP_S, seconds)][-1]
            for _ in range(rounds)
            for service, workload in zip(services, workloads, strict=True)
        ]
        one, many = (memory.look(service) for service in services)
    rates = [each.rate for each in found]
    return Several(models, rates[::2], rates[1::2], sum(each.errors for each in found), one, many)


def _names(count: int) -> str:
    return ",".join(f"m{number}" for number in range(count))


def _workload(models: int, sent: bytes) -> Workload:
    return Workload(f"{models} models", "/models/m{n}/predict", (sent,) * models, (CONNECTIONS,), ())
