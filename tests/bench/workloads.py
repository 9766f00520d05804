"""What is sent: one line a kind of request. Knows nothing of who answers or how it is measured."""

import json
import random
import struct
from dataclasses import dataclass, field

JSON = (("Content-Type", "application/json"),)
CLIENTS = (
    ("Accept", "application/json"),
    ("Accept-Encoding", "gzip, deflate"),
    ("User-Agent", "python-requests/2.32.5"),
    ("X-Forwarded-For", "203.0.113.7"),
    ("X-Forwarded-Proto", "https"),
    ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
)
"""What clients and proxies send besides."""
EVERYONE = ("limit", "fastapi", "granian", "mosec", "litserve", "logitserve")
BOTH = ("limit", "logitserve")
OIP = ("limit", "triton", "logitserve")
INFER = "/v2/models/breast-cancer/infer"
ROWS, INPUTS = 256, 30
DIFFERENT = 997
"""How many requests that differ are sent before the first comes again."""


@dataclass(frozen=True)
class Workload:
    """Requests that are sent in turn, the connections that do so, and the targets that understand them.

    In a header's value `{n}` stands for the request's place.
    """

    name: str
    path: str
    bodies: tuple[bytes, ...] = field(repr=False)
    connections: tuple[int, ...]
    targets: tuple[str, ...]
    headers: tuple[tuple[str, str], ...] = JSON
    method: str = "POST"


def instances(rows: int, seed: int = 0) -> bytes:
    """Make a JSON body of `rows` rows of 30 numbers, each with all the digits of a float64."""
    numbers = random.Random(seed)  # noqa: S311  # the same body in each run, not a secret
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


def data(rows: int) -> bytes:
    """Make the JSON body of an infer request of `rows` rows."""
    numbers = [number for row in json.loads(instances(rows))["instances"] for number in row]
    tensor = {"name": "features", "shape": [rows, INPUTS], "datatype": "FP32", "data": numbers}
    return json.dumps({"inputs": [tensor]}).encode()


WORKLOADS = (
    Workload("1 row, JSON", "/predict", (instances(1),), (1, 32, 128), EVERYONE),
    Workload(
        "1 row, JSON, ids that differ",
        "/predict",
        (instances(1),) * DIFFERENT,
        (32, 128),
        BOTH,
        (*JSON, ("X-Request-Id", "{n}-{n}")),
    ),
    Workload(
        "1 row, JSON, values that differ",
        "/predict",
        tuple(instances(1, seed) for seed in range(DIFFERENT)),
        (32, 128),
        BOTH,
    ),
    Workload(
        "1 row, JSON, six more headers",
        "/predict",
        (instances(1),),
        (32, 128),
        BOTH,
        (*JSON, *CLIENTS),
    ),
    Workload("1 row, JSON, explained", "/predict", (explained(),), (32,), BOTH),
    Workload(
        "256 rows, JSON", "/predict", (instances(ROWS),), (8,), ("limit", "fastapi", "granian", "logitserve")
    ),
    Workload("1 row, JSON of /v2", INFER, (data(1),), (1, 32, 128), OIP),
    Workload("256 rows, JSON of /v2", INFER, (data(ROWS),), (8,), OIP),
    Workload(
        "256 rows, binary",
        INFER,
        (tensor(ROWS),),
        (8,),
        OIP,
        (("Inference-Header-Content-Length", str(len(tensor_header(ROWS)))),),
    ),
)
