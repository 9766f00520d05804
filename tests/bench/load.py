"""One wrk run: a workload against a URL, and what came of it. Knows nothing of who answers."""

import json
import subprocess
import tempfile
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from tests.bench.workloads import Workload

SCRIPT = Path(__file__).with_name("load.lua")


@dataclass(frozen=True)
class Load:
    """What wrk saw. An error is an answer of 400 or more, a broken connection or a timeout (10 s)."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    errors: int

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.requests / self.seconds


def parse(output: str) -> Load:
    """Read wrk's output, whose last line is what `load.lua` wrote. Raises ValueError if it is not."""
    told = json.loads(output.splitlines()[-1])
    return Load(
        requests=told["requests"],
        seconds=told["duration_us"] / 1e6,
        p50_ms=told["p50_us"] / 1e3,
        p99_ms=told["p99_us"] / 1e3,
        errors=told["refused"] + told["broken"],
    )


def apply(workload: Workload, port: int, connections: int, seconds: int) -> Load:
    """Repeat the workload for `seconds` over `connections` connections, each with one request in flight.

    Raises subprocess.CalledProcessError if wrk cannot connect, RuntimeError if nothing at all was answered.
    """
    with tempfile.NamedTemporaryFile() as bodies:
        bodies.write(b"".join(workload.bodies))
        bodies.flush()
        command = [
            "wrk",
            f"--threads={min(connections, 2)}",
            f"--connections={connections}",
            f"--duration={seconds}s",
            "--timeout=10s",
            f"--script={SCRIPT}",
            f"http://127.0.0.1:{port}{workload.path}",
            "--",
            workload.method,
            bodies.name,
            " ".join(str(len(body)) for body in workload.bodies),
            *chain.from_iterable(workload.headers),
        ]
        load = parse(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    if not load.requests:
        raise RuntimeError(f"{workload.name}: no answer in {seconds} s")
    return load
