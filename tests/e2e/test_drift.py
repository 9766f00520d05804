"""Rows that came beside those of training, counted by the workers of real services."""

import asyncio
import json
import random
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from prometheus_client.parser import text_string_to_metric_families
from safetensors.numpy import load_file

from deploy.load.client import post
from models.encode import Encoder, by_column
from models.inputs import Bins
from models.manifest import Manifest
from models.repository import Artifact, Repository
from service.drift.columns import columns
from service.drift.counting import MOST_ASIDE_ROWS
from tests.e2e.running import TLS, Service, wait_for
from tests.load import closedloop
from tests.service import mixed as by_hand
from tests.service.drift.recount import recount

Start = Callable[..., Service]
Floats = NDArray[np.float32]
Row = list[Any]
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]

NAMES = ("width (mm)", "geprüft", "city")
EDGES = (-2.0, -0.1, 0.1, 0.7, 2.5)
"""Of the number. As float32, -0.1 and 0.7 are a little less, and 0.1 is a little more."""
NUMBERS = (*EDGES, -3, -2.0000002, 0.3, 2.6, 1e30, None)
TRUTHS = (False, True, "ja", "NEIN", None)
TEXTS = ("Bonn", "Ulm, alt", "Aue", "Zug", "Neustadt", None)
WAYS = ("list", "object", "tensor", "bytes") * 2
"""Clients, by how they send rows."""
SIZES = (*(1,) * 15, 1000, 1, 300, 1000)
"""Rows of a request."""
CLIENTS, ROWS, KILLS = 20, 5, 3
LOST_S = 0.5
"""Ten times as long as rows are aside: the machine may be loaded."""


def publish(root: Path) -> Artifact:
    """Publish the next version of the mixed model, its number cut at EDGES."""
    width, *others = Manifest.from_json(by_hand.FROZEN.read_bytes()).inputs
    bins = Bins(edges=EDGES, shares=(0.25,) * 4)
    reference = width.reference.model_copy(update={"bins": bins, "min": EDGES[0], "max": EDGES[-1]})
    return by_hand.publish(root, inputs=(width.model_copy(update={"reference": reference}), *others))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A store with one version of the mixed model."""
    publish(tmp_path / "store")
    return tmp_path / "store"


def draw(chance: random.Random, count: int) -> list[Row]:
    """Draw rows as a client sends them."""
    return [[chance.choice(each) for each in (NUMBERS, TRUTHS, TEXTS)] for _ in range(count)]


def ask(http: httpx.Client, way: str, rows: list[Row]) -> Floats:
    """Send rows in one request, and return the probabilities of its answer [rows, classes]."""
    if way in {"list", "object"}:
        named = [dict(zip(NAMES, row, strict=True)) for row in rows]
        answer = http.post("/predict", json={"instances": rows if way == "list" else named})
        assert answer.status_code == 200, answer.text
        predictions = answer.json()["predictions"]
        return np.array([list(each["probabilities"].values()) for each in predictions], np.float32)
    numbers, truths, texts = by_column(rows)
    spelt = [{True: "ja", False: "nein", None: ""}.get(each, each) for each in truths]
    raw = np.array([np.nan if each is None else each for each in numbers], "<f4").tobytes()
    data = {"data": numbers} if way == "tensor" else {"parameters": {"binary_data_size": len(raw)}}
    shape = [len(rows)]
    tensors = [
        {"name": NAMES[0], "shape": shape, "datatype": "FP32", **data},
        {"name": NAMES[1], "shape": shape, "datatype": "BYTES", "data": spelt},
        {"name": NAMES[2], "shape": shape, "datatype": "BYTES", "data": [each or "" for each in texts]},
    ]
    body, headers = json.dumps({"inputs": tensors}).encode(), {}
    if way == "bytes":
        headers = {"Inference-Header-Content-Length": str(len(body))}
        body += raw
    answer = http.post("/v2/models/tiny/infer", content=body, headers=headers)
    assert answer.status_code == 200, answer.text
    [given] = [each["data"] for each in answer.json()["outputs"] if each["name"] == "probabilities"]
    return np.array(given, np.float32).reshape(-1, 2)


def send(service: Service, way: str, seed: int) -> list[tuple[list[Row], Floats]]:
    """Be a client with a connection of its own; return what was sent and what was answered."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    with httpx.Client(base_url=service.url, timeout=30, verify=TLS) as http:
        return [(rows, ask(http, way, rows)) for size in SIZES for rows in [draw(chance, size)]]


def scrape(service: Service) -> Samples:
    """Return all samples, by name and labels."""
    return {
        (sample.name.removeprefix("logitserve_"), frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(service.http.get("/metrics").text)
        for sample in family.samples
    }


def counted(samples: Samples, manifest: Manifest, places: tuple[int, ...] = (0, 1, 2)) -> list[float]:
    """Return what was counted of a version, in the order of `recount`."""
    version = {"model": manifest.name, "version": str(manifest.version)}

    def total(name: str, **labels: str) -> float:
        return samples[name, frozenset((version | labels).items())]

    return [
        *(
            total("drift_rows_total", kind=column.kind, column=column.name, bin=name)
            for column in columns(manifest, places)
            for name in column.bins
        ),
        total("drift_sampled_rows_total"),
        *(
            total("expected_confusion_total", predicted=predicted, actual=actual)
            for predicted in manifest.classes
            for actual in manifest.classes
        ),
        total("expected_log_loss_total"),
        total("expected_brier_total"),
    ]


def sums(samples: Samples) -> tuple[dict[str, float], dict[str, set[float]]]:
    """Return by version how many rows were looked at, and how many each column holds in all its bins."""
    sampled: dict[str, float] = {}
    held: dict[tuple[str, ...], float] = defaultdict(float)
    for (name, labels), value in samples.items():
        of = dict(labels)
        if name == "drift_sampled_rows_total":
            sampled[of["version"]] = value
        if name == "drift_rows_total":
            held[of["version"], of["kind"], of["column"]] += value
    by_version: dict[str, set[float]] = defaultdict(set)
    for (version, *_), total in held.items():
        by_version[version].add(total)
    return sampled, by_version


def test_a_scrape_right_after_the_last_answer_has_every_row(start: Start, root: Path) -> None:
    """Of clients that send one row and a thousand, in every way, to two HTTP processes and two workers."""
    service = start(model_store=root, api_servers=2, workers_per_device=2)
    manifest = Repository(root).resolve("tiny").manifest
    before = counted(scrape(service), manifest)
    assert not any(before)
    with ThreadPoolExecutor(len(WAYS)) as pool:
        every = list(pool.map(send, [service] * len(WAYS), WAYS, range(len(WAYS))))
    found = scrape(service)
    pairs = [pair for client in every for pair in client]
    rows = Encoder(manifest.inputs).encode(by_column([row for sent, _ in pairs for row in sent]))
    probabilities = np.concatenate([answered for _, answered in pairs])
    wanted = recount(manifest, (0, 1, 2), rows, probabilities)
    assert counted(found, manifest)[:-6] == wanted[:-6]
    assert counted(found, manifest)[-6:] == pytest.approx(wanted[-6:], rel=1e-9)
    assert service.metric("rows_total") == service.metric("drift_sampled_rows_total") == len(rows)
    outside = {
        side: service.metric("drift_outside_total", column=NAMES[0], side=side) for side in ("below", "above")
    }
    assert outside == {"below": wanted[0], "above": wanted[5]}

    body = service.http.get("/models/tiny/drift").json()
    assert (body["version"], body["rows"], body["window_s"]) == ("1", len(rows), 3600)
    told = {column["column"]: [each["rows"] for each in column["bins"]] for column in body["columns"]}
    assert [*told[NAMES[0]], *told[NAMES[1]], *told[NAMES[2]], *told["no"], *told["yes"]] == wanted[:-7]
    assert body["columns"][0]["drifted"]
    assert body["expected"]["brier"] == pytest.approx(wanted[-1] / len(rows))

    refused = [[1, True, 3], ["1", True, "Bonn"], [1e39, True, "Bonn"], [1, "vielleicht", "Bonn"]]
    for number in range(4):
        reported = {"instances": refused, "on_error": "report"}
        assert httpx.post(f"{service.url}/predict", json=reported, verify=TLS).status_code == 200, number
        missing = {"instances": [{NAMES[0]: 1, NAMES[2]: None}]}
        assert httpx.post(f"{service.url}/predict", json=missing, verify=TLS).status_code == 422
    told = {
        (column, reason): service.metric("drift_refused_inputs_total", column=column, reason=reason)
        for column in NAMES
        for reason in ("missing", "type", "range", "text")
    }
    seen = {
        ("geprüft", "missing"),
        ("city", "type"),
        (NAMES[0], "type"),
        (NAMES[0], "range"),
        ("geprüft", "text"),
    }
    assert told == {key: 4.0 if key in seen else 0.0 for key in told}
    assert service.metric("drift_sampled_rows_total") == len(rows)


def test_a_killed_worker_takes_no_more_than_what_it_had_aside(start: Start, root: Path) -> None:
    """Every scrape is whole, and no total falls; the next worker of the slot goes on with them."""
    service = start(model_store=root, api_servers=2, workers_per_device=2)
    chance = random.Random(17)  # noqa: S311 - no secret
    requests = [post(draw(chance, ROWS)) for _ in range(100)]
    scrapes: list[Samples] = []

    def kill() -> None:
        for restarts in range(1, KILLS + 1):
            until = time.monotonic() + 0.3
            while time.monotonic() < until:
                scrapes.append(scrape(service))
            chance.choice(service.workers()).kill()

            def back(restarts: int = restarts) -> bool:
                scrapes.append(scrape(service))
                return (
                    service.metric("worker_restarts_total") == restarts and service.metric("worker_up") == 2
                )

            wait_for(back, 60)

    async def main() -> closedloop.Result:
        over = asyncio.to_thread(kill)
        return await closedloop.run(
            service.port, CLIENTS, over, lambda number: requests[number % 100], think_s=0.05
        )

    result = asyncio.run(main())
    assert set(result.counts()) == {200}, result.report()
    scrapes.append(scrape(service))
    totals = [
        {key: value for key, value in each.items() if key[0].startswith(("drift_", "expected_"))}
        for each in scrapes
    ]
    for before, after in pairwise(totals):
        assert before.keys() == after.keys()
        assert all(value <= after[key] for key, value in before.items())
    for each in scrapes:
        sampled, held = sums(each)
        assert held["1"] == {sampled["1"]}
    answered = np.sort([sample.scheduled_s + sample.latency_s for sample in result.samples])
    busiest = int((np.searchsorted(answered, answered + LOST_S) - np.arange(len(answered))).max())
    lost = service.metric("rows_total") - sums(scrapes[-1])[0]["1"]
    assert service.metric("rows_total") == ROWS * len(result.samples)
    assert 0 <= lost <= KILLS * min(busiest * ROWS, MOST_ASIDE_ROWS)
    assert service.http.get("/models/tiny/drift").json()["rows"] == sums(scrapes[-1])[0]["1"]


def test_the_heaviest_inputs_are_looked_at(start: Start, artifact: Artifact) -> None:
    """As many as the settings say: those that move the logit most over training's rows."""
    service = start(drift_inputs=3)
    manifest = artifact.manifest
    weights = load_file(artifact.path / "model.safetensors")
    spread = np.abs(weights["slope"][0]) * [item.reference.std for item in manifest.inputs]
    wanted = sorted(np.argsort(-spread)[:3].tolist())
    rows = [list(row.input) for row in manifest.golden]
    assert service.predict(*rows).status_code == 200
    found = counted(scrape(service), manifest, tuple(wanted))
    encoded = Encoder(manifest.inputs).encode(by_column(rows))
    probabilities = np.array([row.probabilities for row in manifest.golden], np.float32)
    many = sum(len(column.bins) for column in columns(manifest, wanted) if column.kind == "input")
    assert found[:many] == recount(manifest, wanted, encoded, probabilities)[:many]
    told = service.http.get("/models/breast-cancer/drift").json()["columns"]
    names = {column["column"] for column in told if column["kind"] == "input"}
    assert names == {manifest.inputs[place].name for place in wanted}


def test_turned_off_nothing_is_counted(start: Start, root: Path) -> None:
    """Nor told; what is refused is."""
    service = start(model_store=root, drift_inputs=0)
    assert service.predict([1, True, "Bonn"]).status_code == 200
    assert service.predict(["1", True, "Bonn"]).status_code == 422
    names = {name for name, _ in scrape(service) if name.startswith(("drift_", "expected_"))}
    assert names == {"drift_refused_inputs_total"}
    answer = service.http.get("/models/tiny/drift")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_after_a_swap_both_versions_are_there(start: Start, root: Path) -> None:
    """Each with its own rows, and each can be asked for; the new one from its load on."""
    service = start(model_store=root, api_servers=2, workers_per_device=2)
    row = [1, True, "Bonn"]
    for _ in range(7):
        assert service.predict(row).json()["version"] == "1"
    publish(root)
    Repository(root).promote("tiny", 2)
    wait_for(lambda: service.http.get("/info").json()["version"] == "2")
    assert sums(scrape(service)) == ({"1": 7, "2": 0}, {"1": {7}, "2": {0}})
    empty = service.http.get("/models/tiny/drift").json()
    assert (empty["version"], empty["rows"], empty["expected"]) == ("2", 0, None)
    with httpx.Client(base_url=service.url, verify=TLS) as http:
        wait_for(lambda: http.post("/predict", json={"instances": [row]}).json()["version"] == "2")
    before = service.metric("drift_sampled_rows_total", version="2")
    for _ in range(5):
        assert (
            service.http.post("/models/tiny/versions/2/predict", json={"instances": [row]}).status_code == 200
        )
    for _ in range(3):
        old = service.http.post("/models/tiny/versions/1/predict", json={"instances": [row]})
        assert old.status_code == 200
    sampled, held = sums(scrape(service))
    assert sampled["2"] - before == 5
    assert held == {version: {rows} for version, rows in sampled.items()}
    for version in ("1", "2"):
        told = service.http.get(f"/models/tiny/drift?version={version}").json()
        assert (told["version"], told["rows"]) == (version, sampled[version])
    assert sum(sampled.values()) == service.metric("rows_total")
