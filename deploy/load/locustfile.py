"""Locust users of every way to predict, in four shapes of load. Knows nothing of who runs the service.

Rows are drawn from the training statistics that `/info` tells, so any model can be loaded; `--shift` makes
them drift.
"""

import json
import random
import time
from pathlib import Path
from typing import Any

import gevent
import numpy as np
import requests
from locust import FastHttpUser, LoadTestShape, events, task
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment

from deploy.load.drawing import cell
from service.metrics.buckets import SLO_S

REQUESTS_PER_USER = 10
"""A second, on average; users keep it while answers take less than its reciprocal, so the offer is known."""
ERRORS = 0.001
PERCENTILE = 0.99
REACHED = 0.95
"""With less of what was offered, generator or service cannot keep up, and latencies mean little."""
LOOK_S = 0.2

SHAPES = {
    # share of the run: share of the users from then on
    "steady": {0.0: 1.0},
    "soak": {0.0: 0.7},
    "step": {0.0: 0.25, 0.25: 0.5, 0.5: 0.75, 0.75: 1.0},
    "spike": {0.0: 0.2, 0.4: 1.0, 0.5: 0.2},
}


@events.init_command_line_parser.add_listener
def add_options(parser: LocustArgumentParser) -> None:
    """Add the options of this file to locust's own; all are in its web page too."""
    parser.add_argument("--shape", choices=sorted(SHAPES), default="steady", help="how the load changes")
    parser.add_argument(
        "--peak-users", type=int, default=20, help=f"most users; each sends {REQUESTS_PER_USER}/s"
    )
    parser.add_argument("--seconds", type=int, default=20, help="how long; for soak an hour or more")
    parser.add_argument("--slo-p99-ms", type=float, default=SLO_S * 1e3, help="longest 99th percentile")
    parser.add_argument(
        "--shift", type=float, default=0.0, help="standard deviations by which numbers are off training's"
    )
    parser.add_argument("--summary", type=Path, help="JSON file of the verdict", include_in_web_ui=False)


class Shape(LoadTestShape):
    """The chosen shape, and how many requests its users should have sent so far."""

    offered = 0.0

    def tick(self) -> tuple[int, float] | None:
        """Return how many users there should be now, and how fast they may come; None at the end."""
        options = self.runner.environment.parsed_options
        progress = self.get_run_time() / options.seconds
        if progress >= 1:
            return None
        share = next(share for start, share in reversed(SHAPES[options.shape].items()) if progress >= start)
        return max(1, round(share * options.peak_users)), options.peak_users


class Application(FastHttpUser):
    """An application that predicts at its own pace, whichever way it prefers."""

    model: str
    inputs: list[dict[str, Any]]
    plain: bool

    def on_start(self) -> None:
        """Begin at a time of its own."""
        self.due = time.monotonic()
        self.wait()

    def wait_time(self) -> float:
        """Wait for the next request to be due: by a Poisson process, or users would fall into step."""
        self.due += random.expovariate(REQUESTS_PER_USER)
        return max(0.0, self.due - time.monotonic())

    def row(self) -> list[Any]:
        """Draw a row: each input by itself."""
        shift = self.environment.parsed_options.shift
        return [cell(item, shift) for item in self.inputs]

    @task(6)
    def by_position(self) -> None:
        """Send a row as a list."""
        self._predict("/predict", {"instances": [self.row()]}, "predictions", "by position")

    @task(2)
    def by_name(self) -> None:
        """Send a row as an object."""
        named = dict(zip((column["name"] for column in self.inputs), self.row(), strict=True))
        self._predict("/predict", {"instances": [named]}, "predictions", "by name")

    @task(1)
    def protocol_json(self) -> None:
        """Send tensors as JSON: one of all numbers, or one an input."""
        row = self.row()
        if self.plain:
            tensors = [self._features() | {"data": row}]
        else:
            tensors = [
                {"name": item["name"], "shape": [1], "datatype": datatype(item), "data": [value]}
                for item, value in zip(self.inputs, row, strict=True)
            ]
        self._predict(self.model, {"inputs": tensors}, "outputs", "v2 JSON")

    @task(1)
    def protocol_binary(self) -> None:
        """Send a tensor as bytes, ask for bytes; with text among the inputs send JSON instead."""
        if not self.plain:
            self.protocol_json()
            return
        raw = np.array(self.row(), np.float32).tobytes()
        tensor = self._features() | {"parameters": {"binary_data_size": len(raw)}}
        head = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}}).encode()
        headers = {"Inference-Header-Content-Length": str(len(head))}
        name = "v2 binary"
        with self.client.post(
            self.model, head + raw, headers=headers, name=name, catch_response=True
        ) as answer:
            if answer.status_code != 200 or "inference-header-content-length" not in answer.headers:  # noqa: PLR2004
                answer.failure(f"{answer.status_code}, or no binary tensors")

    @task(1)
    def bad_row(self) -> None:
        """Send a row that must be refused: its last input is missing."""
        body = {"instances": [self.row()[:-1]]}
        with self.client.post("/predict", json=body, name="bad row", catch_response=True) as answer:
            if answer.status_code == 422:  # noqa: PLR2004 - what docs/http.md promises
                answer.success()
            else:
                answer.failure(f"a bad row was answered {answer.status_code}")

    def _features(self) -> dict[str, Any]:
        return {"name": "features", "shape": [1, len(self.inputs)], "datatype": "FP32"}

    def _predict(self, path: str, body: dict[str, Any], wanted: str, name: str) -> None:
        with self.client.post(path, json=body, name=name, catch_response=True) as answer:
            if answer.status_code != 200 or wanted not in answer.json():  # noqa: PLR2004 - as above
                answer.failure(f"{answer.status_code}, or no {wanted}")


def datatype(item: dict[str, Any]) -> str:
    """Return the datatype of an input's own tensor."""
    if item["kind"] == "categorical":
        return "INT64" if isinstance([*item["categories"], *item["rare"]][0], int) else "BYTES"
    return {"numeric": "FP32", "boolean": "BOOL"}[item["kind"]]


@events.test_start.add_listener
def learn(environment: Environment, **_: Any) -> None:
    """Learn the model's name and inputs, once and before the load, of which it is no part."""
    info = requests.get(f"{environment.host}/info", timeout=10).json()
    Application.model = f"/v2/models/{info['model']}/infer"
    Application.inputs = info["inputs"]
    Application.plain = all(item["kind"] == "numeric" for item in info["inputs"])


@events.test_start.add_listener
def count_offered(environment: Environment, **_: Any) -> None:
    """Add up, while the test runs, what its users should have sent."""
    shape = environment.shape_class
    shape.offered = 0.0

    def look() -> None:
        looked = time.monotonic()
        while True:
            gevent.sleep(LOOK_S)
            now = time.monotonic()  # a generator that is too busy sleeps for longer
            shape.offered += environment.runner.user_count * REQUESTS_PER_USER * (now - looked)
            looked = now

    environment.looking = gevent.spawn(look)


@events.test_stop.add_listener
def judge(environment: Environment, **_: Any) -> None:
    """Say what was offered, what was achieved and whether the SLO held; the exit status says it too."""
    environment.looking.kill()
    total, options = environment.stats.total, environment.parsed_options
    p99 = total.get_response_time_percentile(PERCENTILE) or 0
    reached = total.num_requests / max(environment.shape_class.offered, 1)
    faults = {
        f"{total.fail_ratio:.2%} errors, over {ERRORS:.1%}": total.fail_ratio > ERRORS,
        f"p99 {p99:g} ms, over {options.slo_p99_ms:g}": p99 > options.slo_p99_ms,
        f"only {reached:.0%} of the offered requests were sent": reached < REACHED,
        "no requests": not total.num_requests,
    }
    summary = {
        "shape": options.shape,
        "peak_users": options.peak_users,
        "offered_requests": round(environment.shape_class.offered),
        "sent_requests": total.num_requests,
        "achieved_per_s": round(total.total_rps, 1),
        "p50_ms": total.median_response_time,
        "p99_ms": p99,
        "error_ratio": total.fail_ratio,
        "by_request": {
            entry.name: {"count": entry.num_requests, "failures": entry.num_failures}
            for entry in environment.stats.entries.values()
        },
        "broken": [fault for fault, found in faults.items() if found],
    }
    print(json.dumps(summary, indent=2))  # noqa: T201 - a command prints
    if options.summary:
        options.summary.write_text(json.dumps(summary, indent=2) + "\n")
    environment.process_exit_code = int(bool(summary["broken"]))
