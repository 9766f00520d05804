"""Several models of one store, each by its name and version; loaded and unloaded by whoever has a key."""

import asyncio
import hashlib
import json
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from tritonclient import http
from tritonclient.http import aio
from tritonclient.utils import InferenceServerException

from deploy.load.client import Answer, Connection
from models.repository import Repository
from tests.e2e import faulty
from tests.e2e.running import Service, wait_for
from tests.e2e.swapping import LONG_S, ROW

Start = Callable[..., Service]

KEY = {"X-API-Key": "admin-key"}
BIASES = {("left", 1): 0.25, ("left", 2): 0.5, ("right", 1): -0.25, ("third", 1): -0.5}
"""By which each version tells itself."""


def publish(root: Path) -> Path:
    """Publish the versions into a store; CURRENT of `left` names its first one."""
    for (model, number), bias in BIASES.items():
        faulty.publish(root, model, 0, bias=bias, promote=number == 1)
    return root


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A store that the test may change."""
    return publish(tmp_path / "store")


@pytest.fixture(scope="module")
def both(share: Start, tmp_path_factory: pytest.TempPathFactory) -> Service:
    """A service of two of three models, in two HTTP processes."""
    return share(model_store=publish(tmp_path_factory.mktemp("several")), model="left, right", api_servers=2)


@pytest.fixture(scope="module")
def client(both: Service) -> Iterator[http.InferenceServerClient]:
    """Triton's client of it."""
    with http.InferenceServerClient(f"127.0.0.1:{both.port}") as client:
        yield client


@pytest.fixture
def explicit(start: Start, root: Path, tmp_path: Path) -> Service:
    """A service that loads what an admin asks for; `left` at first."""
    digest = hashlib.sha256(KEY["X-API-Key"].encode()).hexdigest()
    (tmp_path / "admins").write_text(f"admin:{digest}\n")
    control = {"model_control": "explicit", "admin_keys_file": tmp_path / "admins", "metrics_open": "true"}
    service = start(model_store=root, model="left", api_servers=2, **control)
    service.http.headers.update(KEY)
    return service


@pytest.fixture
def admin(explicit: Service) -> Iterator[http.InferenceServerClient]:
    """Triton's client of it."""
    with http.InferenceServerClient(f"127.0.0.1:{explicit.port}") as client:
        yield client


def ask(service: Service, path: str) -> httpx.Response:
    """Post a row to a path by a connection of its own, which any HTTP process may get."""
    return httpx.post(service.url + path, json={"instances": [ROW]}, headers=service.http.headers, timeout=60)


def answered(service: Service, path: str) -> tuple[str, int]:
    """Return which model and version answered; the answer must be theirs."""
    answer = ask(service, path)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    found = body["model"], int(body["version"])
    expected = faulty.sigmoid(BIASES[found])
    assert body["predictions"][0]["probabilities"]["yes"] == pytest.approx(expected, abs=1e-5)
    return found


def tensor(rows: int = 1) -> list[http.InferInput]:
    """Return rows as a tensor."""
    values = np.tile(np.array([ROW], np.float32), (rows, 1))
    return [http.InferInput("features", list(values.shape), "FP32").set_data_from_numpy(values)]


def probability(result: Any) -> float:
    """Return what an answer to `tensor` says of its first row."""
    return float(result.as_numpy("probabilities")[0, 1])


def test_each_model_answers_by_its_name(both: Service) -> None:
    """The first one named is the default; versions that are not loaded and models not named are 404."""
    for _ in range(5):
        assert answered(both, "/predict") == ("left", 1)
        assert answered(both, "/models/left/predict") == ("left", 1)
        assert answered(both, "/models/right/predict") == ("right", 1)
        assert answered(both, "/models/right/versions/1/predict") == ("right", 1)
    for path in ("left/versions/2", "left/versions/01", "left/versions/x", "third", "nothing", "..%2fleft"):
        for template in (f"/models/{path}/predict", f"/v2/models/{path}/infer"):
            answer = ask(both, template)
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), template
    info = both.http.get("/info").json()
    assert [(each["model"], each["version"]) for each in info["models"]] == [("left", "1"), ("right", "1")]
    assert info["model"] == "left"
    assert both.metric("model_info", model="right", version="1") == 1


def test_triton_s_client_sees_each_model(client: http.InferenceServerClient) -> None:
    """Metadata, readiness, configuration, index and inference, by model and version."""
    for model, bias in (("left", 0.25), ("right", -0.25)):
        assert client.is_model_ready(model)
        assert client.is_model_ready(model, "1")
        assert not client.is_model_ready(model, "2")
        assert client.get_model_metadata(model)["versions"] == ["1"]
        assert client.get_model_metadata(model, "1")["name"] == model
        assert client.get_model_config(model)["name"] == model
        for version in ("", "1"):
            result = client.infer(model, tensor(), model_version=version)
            assert probability(result) == pytest.approx(faulty.sigmoid(bias), abs=1e-5)
            assert result.get_response()["model_name"] == model
    assert not client.is_model_ready("third")
    assert client.get_model_repository_index() == [
        {"name": model, "version": "1", "state": "READY", "reason": ""} for model in ("left", "right")
    ]
    with pytest.raises(InferenceServerException, match="no such model or version"):
        client.infer("third", tensor())


def test_statistics_are_a_model_s_own(start: Start, root: Path) -> None:
    """What one model answered is not counted of the other."""
    service = start(model_store=root, model="left,right")
    with http.InferenceServerClient(f"127.0.0.1:{service.port}") as client:
        for _ in range(3):
            client.infer("right", tensor(5))
        client.infer("left", tensor(7))
        found = {each["name"]: each for each in client.get_inference_statistics()["model_stats"]}
        assert {name: each["inference_count"] for name, each in found.items()} == {"left": 7, "right": 15}
        assert {name: each["execution_count"] for name, each in found.items()} == {"left": 1, "right": 3}
        [own] = client.get_inference_statistics("right", "1")["model_stats"]
        assert own["inference_stats"]["success"]["count"] == 3


def test_the_asyncio_client_of_both_at_once(both: Service) -> None:
    """Requests of both models that wait together are not mixed up."""

    async def main() -> None:
        async with aio.InferenceServerClient(f"127.0.0.1:{both.port}") as client:
            models = ["left", "right"] * 50
            results = await asyncio.gather(*[client.infer(model, tensor()) for model in models])
            for model, result in zip(models, results, strict=True):
                expected = faulty.sigmoid(BIASES[model, 1])
                assert probability(result) == pytest.approx(expected, abs=1e-5)

    asyncio.run(main())


def test_a_swap_of_one_model_is_none_of_the_other(start: Start, root: Path) -> None:
    """Each follows its own CURRENT; a model that is published later serves when no setting names any."""
    faulty.publish(root, "breast-cancer", 0)
    service = start(model_store=root)
    assert ask(service, "/predict").json()["model"] == "breast-cancer"
    Repository(root).promote("left", 2)
    wait_for(lambda: answered(service, "/models/left/predict") == ("left", 2), LONG_S)
    assert answered(service, "/models/left/versions/1/predict") == ("left", 1)
    assert answered(service, "/models/right/predict") == ("right", 1)
    faulty.publish(root, "later", 0)
    wait_for(lambda: ask(service, "/models/later/predict").status_code == 200, LONG_S)


def test_models_are_loaded_and_unloaded(explicit: Service, admin: http.InferenceServerClient) -> None:
    """When a load is answered every process serves the model, and none when an unload is."""
    assert ask(explicit, "/models/right/predict").status_code == 404
    admin.load_model("right", headers=KEY)
    for _ in range(10):
        assert answered(explicit, "/models/right/predict") == ("right", 1)
    assert admin.is_model_ready("right", headers=KEY)
    index = admin.get_model_repository_index(headers=KEY)
    assert [(each["name"], each["state"]) for each in index] == [("left", "READY"), ("right", "READY")]
    admin.unload_model("right", headers=KEY)
    for _ in range(10):
        assert ask(explicit, "/models/right/predict").status_code == 404
        assert answered(explicit, "/predict") == ("left", 1)
    admin.load_model("right", headers=KEY)
    assert answered(explicit, "/models/right/predict") == ("right", 1)


def test_the_versions_of_a_load(explicit: Service, admin: http.InferenceServerClient, root: Path) -> None:
    """A version policy says which are loaded, and CURRENT is not followed; without one it is read anew."""
    policy = {"version_policy": {"specific": {"versions": [1, 2]}}}
    admin.load_model("left", config=json.dumps(policy), headers=KEY)
    assert answered(explicit, "/models/left/versions/1/predict") == ("left", 1)
    assert answered(explicit, "/predict") == ("left", 2)
    Repository(root).promote("left", 2)
    admin.load_model("left", config='{"version_policy": {"specific": {"versions": [1]}}}', headers=KEY)
    assert answered(explicit, "/predict") == ("left", 1)
    admin.load_model("left", headers=KEY)
    assert answered(explicit, "/predict") == ("left", 2)
    for config in (
        "{",
        '{"version_policy": {"all": {}}}',
        '{"version_policy": {"specific": {"versions": []}}}',
    ):
        with pytest.raises(InferenceServerException, match="config"):
            admin.load_model("left", config=config, headers=KEY)
    assert answered(explicit, "/predict") == ("left", 2)


def test_the_default_model_is_unloaded(explicit: Service, admin: http.InferenceServerClient) -> None:
    """Then the service is not ready and has no /predict, until it is loaded again; other models serve."""
    admin.load_model("right", headers=KEY)
    admin.unload_model("left", headers=KEY)
    ready = explicit.http.get("/readyz")
    assert (ready.status_code, "default model" in ready.json()["error"]) == (503, True)
    assert not admin.is_server_ready(headers=KEY)
    assert admin.is_model_ready("right", headers=KEY)
    for answer in (ask(explicit, "/predict"), explicit.http.get("/info")):
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert explicit.http.get("/openapi.json").status_code in {200, 404}
    assert answered(explicit, "/models/right/predict") == ("right", 1)
    [worker] = explicit.workers()
    worker.kill()  # the next one has no model to begin with
    wait_for(lambda: explicit.metric("worker_restarts_total") == 1, LONG_S)
    wait_for(lambda: explicit.metric("worker_up") == 1, LONG_S)
    assert answered(explicit, "/models/right/predict") == ("right", 1)
    admin.load_model("left", headers=KEY)
    assert explicit.ready()
    assert answered(explicit, "/predict") == ("left", 1)


def test_what_cannot_be_loaded(explicit: Service, admin: http.InferenceServerClient, root: Path) -> None:
    """An unknown model, an unknown version, a broken one, and one that misses its examples say so."""
    faulty.publish(root, "wrong", 0, golden=0.9)
    faulty.publish(root, "torn", 0)
    (root / "torn" / "1" / "model.pt").write_bytes(b"")
    policy = json.dumps({"version_policy": {"specific": {"versions": [7]}}})
    for model, config, says in (
        ("nothing", None, "not in the store"),
        ("left", policy, "7"),
        ("torn", None, "model.pt"),
        ("wrong", None, "golden examples"),
        ("-", None, "model name"),
    ):
        with pytest.raises(InferenceServerException, match=says):
            admin.load_model(model, config=config, headers=KEY)
        assert answered(explicit, "/predict") == ("left", 1)
    with pytest.raises(InferenceServerException, match="not loaded"):
        admin.unload_model("nothing", headers=KEY)
    with pytest.raises(InferenceServerException, match="key"):
        admin.load_model("right")
    assert ask(explicit, "/models/right/predict").status_code == 404
    assert explicit.metric("worker_restarts_total") == 0


def test_models_are_not_loaded_by_request_unless_so_set(both: Service) -> None:
    """Without admin keys the routes are not there."""
    for what in ("load", "unload"):
        assert both.http.post(f"/v2/repository/models/left/{what}").status_code == 404
    assert answered(both, "/predict") == ("left", 1)


def test_a_pinned_version_stays(start: Start, root: Path) -> None:
    """CURRENT names another before and after the start."""
    service = start(model_store=root, model="left", model_control="pinned", model_version=2)
    follower = start(model_store=root, model="left")
    assert answered(service, "/predict") == ("left", 2)
    Repository(root).promote("left", 2)
    wait_for(lambda: answered(follower, "/predict") == ("left", 2), LONG_S)
    Repository(root).promote("left", 1)
    wait_for(lambda: answered(follower, "/predict") == ("left", 1), LONG_S)
    assert answered(service, "/predict") == ("left", 2)
    assert ask(service, "/models/left/versions/1/predict").status_code == 404


def test_more_models_than_fit(start: Start, root: Path) -> None:
    """Those left out are named; the default one is never, and still swaps."""
    service = start(model_store=root, model="third,left,right", max_versions=2)
    assert answered(service, "/predict") == ("third", 1)
    assert answered(service, "/models/left/predict") == ("left", 1)
    [refused] = service.http.get("/info").json()["refused"]
    assert (refused["model"], refused["reason"]) == ("right", "limit")
    assert "SERVICE_MAX_VERSIONS" in refused["message"]
    assert service.metric("model_loads_total", result="limit") == 1
    Repository(root).promote("left", 2)
    wait_for(lambda: answered(service, "/models/left/predict") == ("left", 2), LONG_S)


def test_a_flood_of_one_model_leaves_the_other_its_places(start: Start, faults: Path) -> None:
    """While most of its requests are refused, those of the other model are all answered."""
    service = start(model_store=faults, model="fast,slow", max_pending=16, api_servers=1, timeout_s=LONG_S)
    body = json.dumps({"instances": [[faulty.GOOD, 0]] * 10})
    path = "/models/slow/predict"
    request = f"POST {path} HTTP/1.1\r\nHost: test\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
    over = time.monotonic() + 3

    async def flood(statuses: list[int], full: asyncio.Event) -> None:
        connection = await Connection.connect(service.port)
        while time.monotonic() < over:
            statuses.append((await connection.ask(request)).status)
            if statuses[-1] == 503:
                full.set()
            await asyncio.sleep(0.02)
        connection.close()

    async def main() -> tuple[list[int], list[Answer]]:
        slow: list[int] = []
        full = asyncio.Event()
        floods = [asyncio.create_task(flood(slow, full)) for _ in range(50)]
        await full.wait()
        connection = await Connection.connect(service.port)
        fast = [await connection.ask(faulty.request(number)) for number in range(5)]
        connection.close()
        await asyncio.gather(*floods)
        return slow, fast

    slow, fast = asyncio.run(main())
    assert set(slow) == {200, 503}
    assert [answer.status for answer in fast] == [200] * 5
    assert all(faulty.right(number, answer) for number, answer in enumerate(fast))


def test_a_model_that_kills_its_process_does_not_keep_a_service_from_starting(
    start: Start, root: Path
) -> None:
    """The others are there when it is ready; no worker died of it."""
    faulty.publish(root, "third", 0, damage=faulty.crashing)
    service = start(model_store=root, model="left, right, third")
    assert answered(service, "/models/right/predict") == ("right", 1)
    [told] = service.http.get("/info").json()["refused"]
    assert (told["model"], told["version"], told["reason"]) == ("third", "2", "crashed")
    assert ask(service, "/models/third/predict").status_code == 404
    assert service.metric("worker_restarts_total") == 0


@pytest.mark.parametrize("path", ["/v2/repository/index", "/v2/repository/models/left/load"])
def test_a_client_that_leaves_in_the_middle_of_its_body_is_no_error(explicit: Service, path: str) -> None:
    """It is counted; a body that is no text is told so, of a route that reads it."""
    with socket.create_connection(("127.0.0.1", explicit.port)) as client:
        head = (
            f"POST {path} HTTP/1.1\r\nHost: x\r\nX-API-Key: {KEY['X-API-Key']}\r\nContent-Length: 9\r\n\r\n{{"
        )
        client.sendall(head.encode())
        wait_for(lambda: explicit.http.get("/livez").status_code == 200)
    wait_for(lambda: explicit.metric("cancelled_total") == 1)
    answer = explicit.http.post(path, content=b'{"parameters": "\xff"}')
    assert answer.status_code == (200 if path.endswith("index") else 400)
    assert '"level": "error"' not in explicit.log()
