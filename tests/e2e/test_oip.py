"""The Open Inference Protocol by plain HTTP: KServe's requests, compression, and every way to fail."""

import gzip
import http.client
import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from models.repository import Artifact, Repository
from tests.e2e.running import Service

MODEL = "/v2/models/breast-cancer"
INFER = f"{MODEL}/infer"


@pytest.fixture(scope="module")
def rows(artifact: Artifact) -> NDArray[np.float32]:
    """Rows that the model was published with."""
    return np.array([row.input for row in artifact.manifest.golden], np.float32)


@pytest.fixture(scope="module")
def golden(artifact: Artifact) -> NDArray[np.float64]:
    """The probabilities of `rows`, flat."""
    return np.array([row.probabilities for row in artifact.manifest.golden]).ravel()


def features(rows: NDArray[np.float32], **more: Any) -> dict[str, Any]:
    """Return a JSON infer request."""
    tensor = {"name": "features", "shape": list(rows.shape), "datatype": "FP32", "data": rows.tolist()}
    return {"inputs": [tensor], **more}


def check(answer: httpx.Response, status: int, code: str) -> str:
    """Assert that an answer is an error in the one documented form, and return its sentence."""
    body = answer.json()
    assert (answer.status_code, body["code"]) == (status, code), answer.text
    assert body["request_id"] == answer.headers["x-request-id"]
    assert len(answer.content) < 1024
    return str(body["error"])


def kserve(rows: NDArray[np.float32], *, binary: bool) -> tuple[bytes, dict[str, str]]:
    """Build what kserve 0.21 sends for an InferRequest: its package cannot be installed beside ours.

    `InferRequest.to_rest` and `InferenceRESTClient.infer` say: a field `model_name`, an id always; the header
    with the length and application/octet-stream only with binary data; requested outputs as they are given.
    """
    tensor = {"name": "features", "shape": list(rows.shape), "datatype": "FP32"}
    request = {"id": "8d1c", "model_name": "breast-cancer", "inputs": [tensor]}
    if not binary:
        tensor["data"] = rows.ravel().tolist()
        return json.dumps(request).encode(), {"content-type": "application/json"}
    tensor["parameters"] = {"binary_data_size": rows.nbytes}
    request["parameters"] = {"binary_data_output": True}
    head = json.dumps(request, separators=(",", ":")).encode()
    headers = {"inference-header-content-length": str(len(head)), "content-type": "application/octet-stream"}
    return head + rows.tobytes(), headers


@pytest.mark.parametrize("binary", [False, True])
def test_the_rest_client_of_kserve(
    service: Service, rows: NDArray[np.float32], golden: NDArray[np.float64], binary: bool
) -> None:
    """Its requests are answered, and its way to read answers and probes finds what it looks for."""
    body, headers = kserve(rows, binary=binary)
    answer = service.http.post(INFER, content=body, headers=headers)
    length = int(answer.headers.get("inference-header-content-length", len(answer.content)))
    document = json.loads(answer.content[:length])
    assert (document["id"], document["model_name"]) == ("8d1c", "breast-cancer")
    [probabilities, label] = document["outputs"]
    assert (probabilities["shape"], label["shape"]) == ([len(rows), 2], [len(rows)])
    if binary:
        raw = answer.content[length : length + probabilities["parameters"]["binary_data_size"]]
        assert np.frombuffer(raw, "<f4") == pytest.approx(golden, abs=1e-5)
    else:
        assert probabilities["data"] == pytest.approx(golden, abs=1e-5)
    assert service.http.get("/v2/health/ready").json().get("ready") is True
    assert service.http.get("/v2/health/live").json().get("live") is True
    assert service.http.get(f"{MODEL}/ready").is_success
    refused = service.http.post("/v2/models/other/infer", content=body, headers=headers)
    assert refused.headers["content-type"] == "application/json"
    assert refused.json()["error"] == "no such model or version"


def test_a_raw_body_is_the_one_input(
    service: Service, rows: NDArray[np.float32], golden: NDArray[np.float64]
) -> None:
    """A header length of 0 makes the whole body the input, and the answer is binary."""
    answer = service.http.post(
        INFER, content=rows.tobytes(), headers={"Inference-Header-Content-Length": "0"}
    )
    assert answer.headers["content-type"] == "application/octet-stream"
    start = int(answer.headers["inference-header-content-length"])
    raw = answer.content[start : start + 8 * len(rows)]
    assert np.frombuffer(raw, "<f4") == pytest.approx(golden, abs=1e-5)


def test_three_classes(start: Any, wine_store: Path) -> None:
    """Outputs have a class dimension where there are more than two, and explanations add up in each."""
    service = start(model_store=wine_store)
    manifest = Repository(wine_store).resolve("wine").manifest
    rows = np.array([row.input for row in manifest.golden], np.float32)
    names = ["probabilities", "label", "logit", "intercept", "contributions"]
    wanted = {"outputs": [{"name": name} for name in names]}
    document = service.http.post("/v2/models/wine/infer", json=features(rows, **wanted)).json()
    found = {each["name"]: np.array(each["data"]).reshape(each["shape"]) for each in document["outputs"]}
    expected = [row.probabilities for row in manifest.golden]
    assert found["probabilities"] == pytest.approx(np.array(expected), abs=1e-5)
    assert found["label"].tolist() == [manifest.classes[int(np.argmax(row))] for row in expected]
    assert found["contributions"].shape == (len(rows), 3, 13)
    total = found["intercept"] + found["contributions"].sum(-1)
    assert total == pytest.approx(found["logit"], abs=1e-5)
    shapes = {each["name"]: each["shape"] for each in service.http.get("/v2/models/wine").json()["outputs"]}
    assert {name: [-1, *value.shape[1:]] for name, value in found.items()} == shapes


@pytest.mark.parametrize(("encoding", "compress"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_compressed_bodies_are_read_on_both_paths(
    service: Service, rows: NDArray[np.float32], encoding: str, compress: Callable[[bytes], bytes]
) -> None:
    """/predict and infer take gzip and deflate; only infer compresses its answer, when it is asked to."""
    headers = {"Content-Encoding": encoding, "Accept-Encoding": encoding}
    many = np.concatenate([rows] * 8)
    predict = compress(json.dumps({"instances": many.tolist()}).encode())
    answer = service.http.post("/predict", content=predict, headers=headers)
    assert len(answer.json()["predictions"]) == len(many)
    assert "content-encoding" not in answer.headers
    infer = compress(json.dumps(features(many)).encode())
    answer = service.http.post(INFER, content=infer, headers=headers)
    assert answer.headers["content-encoding"] == encoding
    assert answer.json()["outputs"][1]["shape"] == [len(many)]


@pytest.mark.parametrize("path", ["/predict", INFER])
@pytest.mark.parametrize(("encoding", "compress"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_bad_compressed_bodies_are_refused(
    service: Service,
    rows: NDArray[np.float32],
    path: str,
    encoding: str,
    compress: Callable[[bytes], bytes],
) -> None:
    """A bomb is 413, what is not in its encoding or not whole 400, an unknown one 415; and on it goes."""

    def post(content: bytes, encoding: str = encoding) -> httpx.Response:
        return service.http.post(path, content=content, headers={"Content-Encoding": encoding})

    good = compress(json.dumps(features(rows)).encode())
    assert "decompressed" in check(post(compress(bytes(100_000_000))), 413, "too_large")
    check(post(b"plain"), 400, "malformed")
    check(post(b""), 400, "malformed")
    check(post(good[:-1]), 400, "malformed")
    check(post(good + good), 400, "malformed")
    check(post(good, "br"), 415, "unsupported")
    check(post(good, "gzip, gzip"), 415, "unsupported")
    assert service.http.post(INFER, json=features(rows)).status_code == 200


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "malformed"),
        (b"\xef\xbb\xbf{}", 400, "malformed"),
        (b"null", 400, "malformed"),
        (b"[" * 1_000_000, 400, "malformed"),
        (
            b'{"inputs": [{"name": "features", "shape": [1, 30], "datatype": "FP32", "data": [NaN',
            400,
            "malformed",
        ),
        (features(np.full((1, 30), 1e30, np.float32)), 200, ""),
        (features(np.ones((2, 30), np.float32)[:0]), 422, "invalid"),
        (features(np.ones((2, 29), np.float32)), 422, "invalid"),
        (features(np.ones((4097, 30), np.float32)), 413, "too_large"),
        (
            {"inputs": [{"name": "features", "shape": [9**9, 9**9], "datatype": "FP32", "data": []}]},
            422,
            "invalid",
        ),
        (
            {"inputs": [{"name": "features", "shape": [4096, 30], "datatype": "FP32", "data": []}]},
            400,
            "malformed",
        ),
        (
            {"inputs": [{"name": "x" * 100_000, "shape": [1], "datatype": "FP32", "data": [1]}]},
            422,
            "invalid",
        ),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_a_bad_body_is_refused_and_the_next_request_works(
    service: Service, rows: NDArray[np.float32], body: Any, status: int, code: str
) -> None:
    """Whatever is wrong with a body, the answer says so in short and the connection goes on."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = service.http.post(INFER, content=content)
    if code:
        check(answer, status, code)
    assert answer.status_code == status
    assert service.http.post(INFER, json=features(rows)).status_code == 200


@pytest.mark.parametrize(
    "name",
    [
        "other",
        "%2e%2e",
        "..%2f..",
        "%2fetc%2fpasswd",
        "x" * 300,
        "%00",
        "%ff",
        "breast-cancer%0a",
        "Breast-Cancer",
    ],
)
def test_unknown_models_and_versions_are_only_names(service: Service, name: str) -> None:
    """Whatever stands for a model or version in a path is compared, and not found."""
    # Not by httpx, which takes dots out of a path before it sends it.
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
    for path in (f"/v2/models/{name}", f"{MODEL}/versions/{name}"):
        for method, rest in (("GET", ""), ("GET", "/ready"), ("GET", "/config"), ("POST", "/infer")):
            connection.request(method, path + rest)
            answer = connection.getresponse()
            assert (answer.status, json.loads(answer.read())["code"]) == (404, "not_found"), path + rest
    connection.close()
    for version in ("0", "2", "01", "1.0", "-1", " 1"):
        check(service.http.get(f"{MODEL}/versions/{version}"), 404, "not_found")
        check(service.http.post(f"{MODEL}/versions/{version}/infer", json={}), 404, "not_found")


def test_an_encoded_path_is_the_same_path(service: Service, rows: NDArray[np.float32]) -> None:
    """Clients may percent-encode what they like of a name."""
    assert service.http.post("/v2/models/breast%2Dcancer/versions/%31/infer", json=features(rows)).is_success


def test_paths_are_counted_under_their_templates(service: Service, rows: NDArray[np.float32]) -> None:
    """No name that a client made up reaches a metric."""
    template, versioned = "/v2/models/{model}/infer", "/v2/models/{model}/versions/{version}/infer"
    counted = [
        {"route": template, "code": "200"},
        {"route": template, "code": "404"},
        {"route": versioned, "code": "200"},
        {"route": "/v2/models/{model}", "code": "404"},
    ]

    def counts() -> NDArray[np.float64]:
        requests = [service.metric("http_requests_total", **labels) for labels in counted]
        return np.array([*requests, service.metric("rows_total"), service.metric("predictions_total")])

    before = counts()
    for number in range(3):
        service.http.post(INFER, json=features(rows))
        service.http.post(f"{MODEL}/versions/1/infer", json=features(rows))
        service.http.post(f"/v2/models/made-up-{number}/infer", json={})
        service.http.get(f"/v2/models/made-up-{number}")
    assert (counts() - before).tolist() == [3, 3, 3, 3, 6 * len(rows), 6 * len(rows)]
    assert "made-up" not in service.http.get("/metrics").text


def test_a_timeout_in_the_request_is_its_deadline(service: Service, rows: NDArray[np.float32]) -> None:
    """A request that allows a microsecond is not scored in time, so it is answered 504."""
    answer = service.http.post(INFER, json=features(rows, parameters={"timeout": 1}))
    check(answer, 504, "deadline")


def test_methods_and_admin_paths(service: Service) -> None:
    """Infer takes POST only; loading and unloading are not offered."""
    check(service.http.get(INFER), 405, "method_not_allowed")
    check(service.http.post(MODEL), 405, "method_not_allowed")
    check(service.http.post("/v2/repository/models/breast-cancer/load", json={}), 404, "not_found")
    check(service.http.post("/v2/repository/models/breast-cancer/unload", json={}), 404, "not_found")


def test_the_description_has_every_endpoint(service: Service) -> None:
    """/openapi.json names the paths of the protocol, with the body that infer takes."""
    document = service.http.get("/openapi.json").json()
    versioned = "/v2/models/{model}/versions/{version}"
    for path in ("/v2", "/v2/health/live", "/v2/health/ready", "/v2/models/stats", "/v2/repository/index"):
        assert path in document["paths"]
    for base in ("/v2/models/{model}", versioned):
        for rest in ("", "/ready", "/config", "/stats", "/infer"):
            assert base + rest in document["paths"]
    body = document["paths"][f"{versioned}/infer"]["post"]["requestBody"]["content"]["application/json"]
    assert body["schema"]["$ref"].endswith("/InferRequest")
