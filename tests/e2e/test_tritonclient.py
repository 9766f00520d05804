"""Triton's own client, unmodified: it works as with Triton, in both its forms."""

import asyncio
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tritonclient import http
from tritonclient.http import aio
from tritonclient.utils import InferenceServerException

import training
from models.repository import Artifact
from tests.e2e.running import Service

MODEL = "breast-cancer"
DATA = Path(training.__file__).with_name("breast_cancer.csv")
ALGORITHMS = (None, "gzip", "deflate")
OUTPUTS = ("probabilities", "label", "logit", "intercept", "contributions")


@pytest.fixture(scope="module")
def rows(artifact: Artifact) -> NDArray[np.float32]:
    """Raw rows of the data, in the inputs' order."""
    with DATA.open() as stream:
        names = stream.readline().strip().split(",")
    columns = [names.index(item.name) for item in artifact.manifest.inputs]
    return np.loadtxt(DATA, np.float32, delimiter=",", skiprows=1, usecols=columns, max_rows=114)


@pytest.fixture(scope="module")
def expected(service: Service, rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """What /predict answers for `rows`; tests/e2e/test_predict.py holds that against scikit-learn."""
    predictions = service.predict(*rows.tolist()).json()["predictions"]
    return np.array([list(each["probabilities"].values()) for each in predictions])


@pytest.fixture(scope="module")
def client(service: Service) -> Iterator[http.InferenceServerClient]:
    """The synchronous client."""
    with http.InferenceServerClient(f"127.0.0.1:{service.port}") as client:
        yield client


def together(rows: NDArray[Any], datatype: str = "FP32", *, binary: bool = True) -> list[http.InferInput]:
    """Return the one tensor with all inputs."""
    tensor = http.InferInput("features", list(rows.shape), datatype)
    return [tensor.set_data_from_numpy(rows, binary_data=binary)]


def test_health_and_metadata(client: http.InferenceServerClient, artifact: Artifact) -> None:
    """Live, ready and the metadata documents are what the client understands."""
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready(MODEL)
    assert client.is_model_ready(MODEL, "1")
    assert not client.is_model_ready(MODEL, "2")
    assert not client.is_model_ready("other")
    server = client.get_server_metadata()
    assert server["name"] == "logitserve"
    assert {"binary_tensor_data", "statistics"} <= set(server["extensions"])
    model = client.get_model_metadata(MODEL)
    assert model == client.get_model_metadata(MODEL, "1")
    assert model["inputs"] == [{"name": "features", "datatype": "FP32", "shape": [-1, 30]}]
    assert [output["name"] for output in model["outputs"]] == list(OUTPUTS)
    assert model["properties"]["inputs"][0] == artifact.manifest.inputs[0].model_dump(mode="json")
    assert client.get_model_repository_index() == [
        {"name": MODEL, "version": "1", "state": "READY", "reason": ""}
    ]


def test_the_configuration_says_what_the_metadata_says(client: http.InferenceServerClient) -> None:
    """The configuration's tensors are the metadata's, without the rows."""
    configuration = client.get_model_config(MODEL, "1")
    metadata = client.get_model_metadata(MODEL)
    assert configuration["max_batch_size"] == 4096
    for kind in ("input", "output"):
        dims = {tensor["name"]: tensor["dims"] for tensor in configuration[kind]}
        assert dims == {tensor["name"]: tensor["shape"][1:] for tensor in metadata[f"{kind}s"]}


@pytest.mark.parametrize(("sent", "answered"), list(itertools.product(ALGORITHMS, ALGORITHMS)))
@pytest.mark.parametrize("binary", [True, False])
def test_rows_are_scored_in_every_encoding(
    client: http.InferenceServerClient,
    rows: NDArray[np.float32],
    expected: NDArray[np.float64],
    binary: bool,
    sent: str | None,
    answered: str | None,
) -> None:
    """Binary and JSON, plain, gzip and deflate, both ways, give the probabilities of /predict."""
    outputs = [http.InferRequestedOutput(name, binary_data=binary) for name in ("label", "probabilities")]
    result = client.infer(
        MODEL,
        together(rows, binary=binary),
        outputs=outputs,
        request_compression_algorithm=sent,
        response_compression_algorithm=answered,
    )
    assert result.as_numpy("probabilities") == pytest.approx(expected, abs=1e-6)
    assert [output["name"] for output in result.get_response()["outputs"]] == ["label", "probabilities"]
    found = np.char.decode(result.as_numpy("label").astype(bytes))
    assert found.tolist() == np.array(["benign", "malignant"])[(expected[:, 1] >= 0.5).astype(int)].tolist()


def test_defaults_versions_and_ids(
    client: http.InferenceServerClient, rows: NDArray[np.float32], expected: NDArray[np.float64]
) -> None:
    """Without any option the answer is binary; version and id are the request's."""
    result = client.infer(MODEL, together(rows), model_version="1", request_id="mine", timeout=5_000_000)
    assert result.as_numpy("probabilities") == pytest.approx(expected, abs=1e-6)
    response = result.get_response()
    assert (response["id"], response["model_version"]) == ("mine", "1")
    assert [output["name"] for output in response["outputs"]] == ["probabilities", "label"]


@pytest.mark.parametrize(
    ("datatype", "dtype"), [("FP16", "<f2"), ("FP64", "<f8"), ("INT32", "<i4"), ("UINT8", "<u1")]
)
@pytest.mark.parametrize("binary", [True, False])
def test_number_types_are_converted(
    client: http.InferenceServerClient, datatype: str, dtype: str, binary: bool
) -> None:
    """Any number type scores as the same values in FP32."""
    whole = np.arange(60).reshape(2, 30) % 50
    same = client.infer(MODEL, together(whole.astype(np.float32))).as_numpy("probabilities")
    found = client.infer(MODEL, together(whole.astype(dtype), datatype, binary=binary))
    assert found.as_numpy("probabilities").tolist() == same.tolist()


@pytest.mark.parametrize("columns", [(), (1,)])
def test_one_tensor_an_input(
    client: http.InferenceServerClient,
    artifact: Artifact,
    rows: NDArray[np.float32],
    expected: NDArray[np.float64],
    columns: tuple[int, ...],
) -> None:
    """Inputs by name, in any order, some binary and some JSON, are the same rows."""
    inputs = []
    for number, item in enumerate(artifact.manifest.inputs):
        column = rows[:, number].reshape(len(rows), *columns).copy()
        tensor = http.InferInput(item.name, list(column.shape), "FP32")
        inputs.append(tensor.set_data_from_numpy(column, binary_data=number % 2 == 0))
    found = client.infer(MODEL, inputs[::-1]).as_numpy("probabilities")
    assert found == pytest.approx(expected, abs=1e-6)


def test_explanations_add_up(client: http.InferenceServerClient, rows: NDArray[np.float32]) -> None:
    """Intercept plus contributions is the logit for every row of the test split."""
    result = client.infer(MODEL, together(rows), outputs=[http.InferRequestedOutput(n) for n in OUTPUTS])
    logit = result.as_numpy("logit")
    total = result.as_numpy("intercept") + result.as_numpy("contributions").sum(1)
    assert total == pytest.approx(logit, abs=1e-5)
    assert 1 / (1 + np.exp(-logit)) == pytest.approx(result.as_numpy("probabilities")[:, 1], abs=1e-5)


def test_requests_sent_at_once_get_their_own_answers(
    service: Service, rows: NDArray[np.float32], expected: NDArray[np.float64]
) -> None:
    """The client's asynchronous requests share batches and are not mixed up."""
    with http.InferenceServerClient(f"127.0.0.1:{service.port}", concurrency=8) as client:
        starts = range(0, len(rows) - 3, 2)
        asked = [client.async_infer(MODEL, together(rows[start : start + 3])) for start in starts]
        for start, request in zip(starts, asked, strict=True):
            found = request.get_result().as_numpy("probabilities")
            assert found == pytest.approx(expected[start : start + 3], abs=1e-6)


@pytest.mark.parametrize("refused", ["nan", "columns", "model", "version", "classes", "output"])
def test_refusals_reach_the_user_as_sentences(
    client: http.InferenceServerClient, rows: NDArray[np.float32], refused: str
) -> None:
    """What is refused raises the client's own exception with our text and status, and the next one works."""
    wrong = np.full((1, 30), np.nan, np.float32)
    calls = {
        "nan": ("422", "mean radius", lambda: client.infer(MODEL, together(wrong))),
        "columns": ("422", "[rows, 30]", lambda: client.infer(MODEL, together(rows[:, :29].copy()))),
        "model": ("404", "no such model", lambda: client.infer("other", together(rows))),
        "version": ("404", "no such model", lambda: client.infer(MODEL, together(rows), "7")),
        "classes": (
            "400",
            "not offered",
            lambda: client.infer(
                MODEL, together(rows), outputs=[http.InferRequestedOutput("probabilities", class_count=2)]
            ),
        ),
        "output": (
            "422",
            "no such output",
            lambda: client.infer(MODEL, together(rows), outputs=[http.InferRequestedOutput("x")]),
        ),
    }
    status, said, call = calls[refused]
    with pytest.raises(InferenceServerException) as error:
        call()
    assert error.value.status() == status
    assert said in error.value.message()
    assert client.infer(MODEL, together(rows)).as_numpy("label").shape == (len(rows),)


def test_statistics_count_what_was_answered(start: Any, rows: NDArray[np.float32]) -> None:
    """Counts are exact over two HTTP processes, by each of the three paths that tell them."""
    service = start(api_servers=2)
    for _ in range(10):  # a connection each, so that both processes get some
        with http.InferenceServerClient(f"127.0.0.1:{service.port}") as client:
            client.infer(MODEL, together(rows[:7]))
            service.predict(rows[0].tolist())
    with http.InferenceServerClient(f"127.0.0.1:{service.port}") as client:
        with pytest.raises(InferenceServerException):
            client.infer(MODEL, together(rows[:, :5].copy()))
        for arguments in ((), (MODEL,), (MODEL, "1")):
            [stats] = client.get_inference_statistics(*arguments)["model_stats"]
            assert (stats["name"], stats["version"]) == (MODEL, "1")
            assert stats["inference_count"] == 80
            assert stats["execution_count"] == stats["inference_stats"]["compute_infer"]["count"] == 20
            assert stats["inference_stats"]["success"]["count"] == 20
            assert stats["inference_stats"]["fail"]["count"] == 0
            assert stats["inference_stats"]["queue"]["count"] == 20
            assert (
                stats["inference_stats"]["success"]["ns"]
                > stats["inference_stats"]["compute_infer"]["ns"]
                > 0
            )


@pytest.mark.parametrize(("sent", "answered"), list(itertools.product(ALGORITHMS, ALGORITHMS)))
def test_the_asyncio_client(
    service: Service,
    rows: NDArray[np.float32],
    expected: NDArray[np.float64],
    sent: str | None,
    answered: str | None,
) -> None:
    """The client for asyncio works the same, with many requests at once."""

    async def main() -> None:
        async with aio.InferenceServerClient(f"127.0.0.1:{service.port}") as client:
            assert await client.is_server_live()
            assert await client.is_server_ready()
            assert await client.is_model_ready(MODEL, "1")
            assert (await client.get_model_metadata(MODEL))["name"] == MODEL
            assert (await client.get_model_config(MODEL))["name"] == MODEL
            assert (await client.get_model_repository_index())[0]["name"] == MODEL
            assert (await client.get_inference_statistics(MODEL))["model_stats"]
            requests = [
                client.infer(
                    MODEL,
                    together(rows[number:], binary=number % 2 == 0),
                    request_compression_algorithm=sent,
                    response_compression_algorithm=answered,
                )
                for number in range(8)
            ]
            for number, result in enumerate(await asyncio.gather(*requests)):
                assert result.as_numpy("probabilities") == pytest.approx(expected[number:], abs=1e-6)

    asyncio.run(main())
