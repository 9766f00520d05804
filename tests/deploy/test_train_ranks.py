"""The job of several pods: its parts find each other, and what it says trains, a pod being a process here."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pytest
import yaml
from pyarrow import parquet

from models.repository import Repository
from tests.e2e.running import free_port, wait_for

ROOT = Path(__file__).parents[2]
SERVICE, POLICY, JOB = yaml.safe_load_all((ROOT / "deploy" / "kubernetes" / "train-ranks.yaml").read_text())
POD = JOB["spec"]["template"]["spec"]
[CONTAINER] = POD["containers"]
ROWS = 2000
DEADLINE_S = 120

Pod = subprocess.Popen[str]


@pytest.fixture
def pod(tmp_path: Path) -> Iterator[Callable[..., Pod]]:
    """Start what the container of an index would: the manifest's command and environment, but for places."""
    (tmp_path / "data").mkdir()
    draw = np.random.default_rng(0)
    x = draw.normal(size=(ROWS, 2))
    y = x[:, 0] + draw.normal(size=ROWS) > 0
    parquet.write_table(pa.table({"a": x[:, 0], "b": x[:, 1], "y": y}), tmp_path / "data" / "rows.parquet")
    port, started = str(free_port()), []

    def here(text: str, index: int) -> str:
        text = text.replace("/app/bin", str(Path(sys.executable).parent))
        text = text.replace("$(JOB_COMPLETION_INDEX)", str(index)).replace("29500", port)
        text = text.replace(f"{JOB['metadata']['name']}-0.{SERVICE['metadata']['name']}", "127.0.0.1")
        return str(tmp_path / text[1:]) if text.startswith(("/data", "/models")) else text

    def start(index: int, *more: object) -> Pod:
        scratch = tmp_path / f"tmp-{index}"
        scratch.mkdir()
        command = [here(each, index) for each in CONTAINER["command"] + CONTAINER["args"]]
        settings = {item["name"]: here(item["value"], index) for item in CONTAINER["env"]}
        process = subprocess.Popen(
            [*command, *map(str, more)],
            env={**os.environ, **settings, "TMPDIR": str(scratch)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        kill(process)
        process.communicate()


def kill(pod: Pod) -> None:
    """End all processes of a pod at once; those that torchrun starts are not in its process group."""
    if pod.poll() is None:
        for each in [*psutil.Process(pod.pid).children(recursive=True), pod]:
            each.kill()


def test_the_parts_find_each_other() -> None:
    """The pods bear the labels that select them, the first one the name and port that all look for."""
    labels = JOB["spec"]["template"]["metadata"]["labels"]
    allowed = [POLICY["spec"]["ingress"][0]["from"][0], POLICY["spec"]["egress"][0]["to"][0]]
    pods = [each["podSelector"]["matchLabels"] for each in allowed]
    for selector in (SERVICE["spec"]["selector"], POLICY["spec"]["podSelector"]["matchLabels"], *pods):
        assert selector.items() <= labels.items()
    service, job = SERVICE["metadata"]["name"], JOB["metadata"]["name"]
    assert POD["subdomain"] == service
    [port] = SERVICE["spec"]["ports"]
    assert {f"--master-addr={job}-0.{service}", f"--master-port={port['port']}"} <= set(CONTAINER["command"])
    count = JOB["spec"]["completions"]
    assert count == JOB["spec"]["parallelism"]
    assert f"--nnodes={count}" in CONTAINER["command"]


def test_the_first_pod_that_fails_ends_the_job() -> None:
    """None is started anew, by Kubernetes or by torchrun: it could not join those that went on."""
    assert (JOB["spec"]["backoffLimit"], POD["restartPolicy"]) == (0, "Never")
    assert not [each for each in CONTAINER["command"] if "restarts" in each]


def test_scratch_has_room_on_disk() -> None:
    """In memory it would be what it is there to avoid; the node keeps as much as the pod may take."""
    [scratch] = [each["emptyDir"] for each in POD["volumes"] if each["name"] == "tmp"]
    assert scratch == {"sizeLimit": CONTAINER["resources"]["requests"]["ephemeral-storage"]}


def test_its_pods_train_and_the_first_publishes(pod: Callable[..., Pod], tmp_path: Path) -> None:
    """One version of all rows in the store, one report, and nothing said by the other pod."""
    pods = [pod(index) for index in reversed(range(JOB["spec"]["completions"]))]
    *others, first = [each.communicate(timeout=DEADLINE_S) for each in pods]
    assert [each.returncode for each in pods] == [0] * len(pods), (first, others)
    assert first[0].count("published") == 1
    assert [stdout for stdout, _ in others] == [""] * len(others)
    repository = Repository(tmp_path / "models")
    assert repository.names() == ["rows"]
    manifest = repository.resolve("rows").manifest
    assert manifest.version == 1
    assert sum(manifest.data.rows.values()) == ROWS


def test_a_pod_that_dies_ends_the_others(pod: Callable[..., Pod], tmp_path: Path) -> None:
    """Killed as a whole, as for its memory, while it prepares: nothing is published."""
    pipe = tmp_path / "schema.toml"
    os.mkfifo(pipe)  # the pod that reads it waits for a writer
    first, second = pod(0), pod(1, "--schema", pipe)
    writer = wait_for(lambda: _opened(pipe, first, second), DEADLINE_S)
    kill(second)
    os.close(writer)
    _, stderr = first.communicate(timeout=DEADLINE_S)
    assert first.returncode != 0
    assert "another of the processes that train together has ended" in stderr
    assert not (tmp_path / "models").exists()


def _opened(pipe: Path, *pods: Pod) -> int | None:
    """Open a pipe for writing; None as long as nobody reads it."""
    for each in pods:
        assert each.poll() is None, each.communicate()
    try:
        return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return None
