"""What is sent: one line a kind of request. Knows nothing of who answers or how it is measured."""

import json
import random
import struct
from dataclasses import dataclass, field

JSON = (("Content-Type", "application/json"),)
EVERYONE = ("limit", "fastapi", "litserve", "logitserve")
ROWS, INPUTS = 256, 30


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
    return json.dumps(
        {"instances": [[numbers.random() for _ in range(INPUTS)] for _ in range(rows)]}
    ).encode()


def explained() -> bytes:
    """Make the JSON body of one row that asks for its explanation."""
    return json.dumps(json.loads(instances(1)) | {"explain": True}).encode()


def tensor_header(rows: int) -> bytes:
    """Make the JSON before a binary tensor of `rows` rows, as Triton's client does."""
    tensor = {
        "name": "features",
        "shape": [rows, INPUTS],
        "datatype": "FP32",
        "parameters": {"binary_data_size": 4 * rows * INPUTS},
    }
    return json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}}).encode()


def tensor(rows: int) -> bytes:
    """Make a binary infer body of `rows` rows of float32."""
    numbers = random.Random(0)  # noqa: S311  # as above
    values = struct.pack(f"<{rows * INPUTS}f", *(numbers.random() for _ in range(rows * INPUTS)))
    return tensor_header(rows) + values


# The first one also tells whether a server is ready: every target must understand it.
WORKLOADS = (
    Workload("1 row, JSON", "/predict", instances(1), (1, 32, 128), EVERYONE),
    Workload("1 row, JSON, explained", "/predict", explained(), (32,), ("limit", "logitserve")),
    Workload("256 rows, JSON", "/predict", instances(ROWS), (8,), ("limit", "fastapi", "logitserve")),
    Workload(
        "256 rows, binary",
        "/v2/models/breast-cancer/infer",
        tensor(ROWS),
        (8,),
        ("limit", "logitserve"),
        (("Inference-Header-Content-Length", str(len(tensor_header(ROWS)))),),
    ),
)
