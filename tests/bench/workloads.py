"""What is sent: one line a kind of request. Knows nothing of who answers or how it is measured."""

import json
import random
from dataclasses import dataclass, field

JSON = (("Content-Type", "application/json"),)
EVERYONE = ("limit", "fastapi", "litserve", "logitserve")


@dataclass(frozen=True)
class Workload:
    """One fixed request, the connections that repeat it, and the targets that understand it."""

    name: str
    path: str
    body: bytes = field(repr=False)
    connections: tuple[int, ...]
    targets: tuple[str, ...]
    headers: tuple[tuple[str, str], ...] = JSON
    method: str = "POST"


def instances(rows: int) -> bytes:
    """Make a JSON body of `rows` rows of 30 numbers, each with all the digits of a float64."""
    numbers = random.Random(0)  # noqa: S311  # the same body in each run, not a secret
    return json.dumps({"instances": [[numbers.random() for _ in range(30)] for _ in range(rows)]}).encode()


# The first one also tells whether a server is ready: every target must understand it.
WORKLOADS = (
    Workload("1 row, JSON", "/predict", instances(1), (1, 32, 128), EVERYONE),
    Workload("256 rows, JSON", "/predict", instances(256), (8,), ("limit", "fastapi", "logitserve")),
)
