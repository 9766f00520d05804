"""Report a long run with bad requests among the good ones and one of two workers killed now and then.

The load is 70 % of what one worker of a deliberately slow model does: who is left can carry it. Prints one
JSON object; the exit status is 1 when a good request failed or an answer was wrong.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import psutil

from deploy.load import openloop
from deploy.load.client import Answer, post
from deploy.load.samples import BROKEN, Result
from tests.e2e import faulty
from tests.e2e.running import Service

LOAD = 0.7
"""Of one worker's capacity."""
BAD_EVERY = 20
"""One request in so many is wrong, 5 %."""
BAD = (post([[faulty.GOOD, None]]), post([[1.0]]), post("no rows"), post([[faulty.GOOD, "x"]]))
LOOK_S = 5.0
SETTINGS = {"timeout_s": 30, "api_servers": 2, "workers_per_device": 2}


@dataclass(frozen=True)
class Footprint:
    """What the lasting processes hold: private memory, descriptors, threads."""

    memory_mb: float
    descriptors: int
    threads: int


@dataclass(frozen=True)
class Soak:
    """What came of a soak: the requests, the footprints in their order, and how many workers were killed."""

    result: Result
    footprints: list[Footprint]
    killed: int

    def failed(self) -> int:
        """Count good requests not answered 200, bad ones not answered 422, and those not answered at all."""
        return sum(not sample.right or sample.status == BROKEN for sample in self.result.samples)

    def memory_slope(self) -> float:
        """Return the growth of memory in MB in ten minutes: least squares over the second half."""
        memory = [look.memory_mb for look in self.footprints[len(self.footprints) // 2 :]]
        middle, mean = (len(memory) - 1) / 2, sum(memory) / len(memory)
        spread = sum((i - middle) ** 2 for i in range(len(memory)))
        return sum((i - middle) * (m - mean) for i, m in enumerate(memory)) / spread * 600 / LOOK_S

    def report(self) -> dict[str, object]:
        """Return the figures."""
        first, last = self.footprints[len(self.footprints) // 2], self.footprints[-1]
        return {
            **self.result.report(),
            "failed": self.failed(),
            "workers_killed": self.killed,
            "memory_mb_in_ten_minutes": round(self.memory_slope(), 2),
            "memory_mb": [round(first.memory_mb, 1), round(last.memory_mb, 1)],
            "descriptors": [first.descriptors, last.descriptors],
            "threads": [first.threads, last.threads],
        }


def request(number: int) -> bytes:
    """Return a bad request now and then, else a good one."""
    return BAD[number % len(BAD)] if number % BAD_EVERY == 0 else faulty.request(number)


def right(number: int, answer: Answer) -> bool:
    """Return whether a bad request was refused, and a good one got its own answer."""
    if number % BAD_EVERY == 0:
        return answer.status == 422
    return answer.status == 200 and faulty.right(number, answer)


async def soak(service: Service, seconds: float, kill_every_s: float) -> Soak:
    """Load a service of the slow model for so long, and kill a worker every so often."""
    arrivals = openloop.poisson(LOAD / faulty.SECONDS_PER_ROW, seconds)
    loading = asyncio.create_task(openloop.run(service.port, arrivals, request, right))
    draw = random.Random(0)  # noqa: S311 - which one does not matter
    footprints: list[Footprint] = []
    killed = 0
    for look in range(int(seconds / LOOK_S)):
        await asyncio.sleep(LOOK_S)
        footprints.append(_look(service))
        if int((look + 1) * LOOK_S / kill_every_s) > killed and (look + 2) * LOOK_S < seconds:
            draw.choice(service.workers()).kill()
            killed += 1
    return Soak(await loading, footprints, killed)


def _look(service: Service) -> Footprint:
    lasting = [service.main, *service.apis()]
    return Footprint(
        sum(process.memory_full_info().uss for process in lasting) / 2**20,
        sum(process.num_fds() for process in lasting),
        sum(process.num_threads() for process in lasting),
    )


def main() -> int:
    """Start a service of the slow model and soak it."""
    parser = argparse.ArgumentParser(prog="python -m tests.load.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--kill-every-s", type=float, default=20)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = faulty.publish(Path(folder) / "store", "slow", faulty.SECONDS_PER_ROW)
        service = Service(store, Path(folder) / "service.log", SETTINGS, None)
        try:
            service.wait_ready()
            came = asyncio.run(soak(service, arguments.seconds, arguments.kill_every_s))
        finally:
            service.close()
    machine = {"cores": psutil.cpu_count(), "load_at_end": psutil.getloadavg()[0]}
    json.dump({"seconds": arguments.seconds, "machine": machine, **came.report()}, sys.stdout, indent=2)
    sys.stdout.write("\n")
    return 1 if came.failed() else 0


if __name__ == "__main__":
    sys.exit(main())
