"""The answers of a running service, beside scikit-learn's."""

import asyncio
import gzip
import json
import signal
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from models.record import SplitName
from models.repository import Artifact
from tests.e2e.running import Service, wait_for
from training.config import Config
from training.dataset import Dataset, load

TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def data() -> Dataset:
    """The default data, split as the served model's."""
    return load(Config())


def raw(data: Dataset, split: SplitName) -> NDArray[np.float32]:
    """Return the raw rows of a split, as the service gets them."""
    return np.column_stack([column.values for column in data.columns])[data.parts[split]].astype(np.float32)


@pytest.fixture(scope="module")
def rows(data: Dataset) -> NDArray[np.float32]:
    """The raw rows of the test split."""
    return raw(data, "test")


@pytest.fixture(scope="module")
def oracle(artifact: Artifact, data: Dataset, rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """scikit-learn's probability of the last class for `rows`, fitted on the same split and objective."""
    train = raw(data, "train").astype(np.float64)
    mean, std = train.mean(0), train.std(0)
    model = LogisticRegression(C=artifact.manifest.fit.penalty, tol=1e-10, max_iter=10_000)
    model.fit((train - mean) / std, data.y[data.parts["train"]])
    return model.predict_proba((rows.astype(np.float64) - mean) / std)[:, 1]


def malignant(answer: httpx.Response) -> list[float]:
    """Return the probabilities of the last class."""
    assert answer.status_code == 200, answer.text
    return [prediction["probabilities"]["malignant"] for prediction in answer.json()["predictions"]]


def test_each_row_alone_gets_the_oracles_probability(
    service: Service, rows: NDArray[np.float32], oracle: NDArray[np.float64]
) -> None:
    """One row a request gives what scikit-learn gives, and the label that the threshold says."""
    for row, expected in zip(rows.tolist(), oracle, strict=True):
        answer = service.predict(row)
        assert malignant(answer) == pytest.approx([expected], abs=TOLERANCE)
        assert answer.json()["predictions"][0]["label"] == ("malignant" if expected >= 0.5 else "benign")


def test_all_rows_in_one_request_keep_their_order(
    service: Service, rows: NDArray[np.float32], oracle: NDArray[np.float64]
) -> None:
    """A request of many rows is answered row by row, in order."""
    assert malignant(service.predict(*rows.tolist())) == pytest.approx(oracle, abs=TOLERANCE)


def test_concurrent_requests_get_their_own_answers(
    service: Service, rows: NDArray[np.float32], oracle: NDArray[np.float64]
) -> None:
    """Rows that share a batch are not mixed up, whatever the sizes of their requests."""

    async def main() -> list[httpx.Response]:
        limits = httpx.Limits(max_connections=64)
        async with httpx.AsyncClient(base_url=service.url, limits=limits, timeout=30) as client:
            sizes = [1 + i % 5 for i in range(300)]
            starts = [(7 * i) % (len(rows) - 5) for i in range(300)]
            posts = [
                client.post("/predict", json={"instances": rows[a : a + n].tolist()})
                for a, n in zip(starts, sizes, strict=True)
            ]
            answers = await asyncio.gather(*posts)
            for answer, a, n in zip(answers, starts, sizes, strict=True):
                assert malignant(answer) == pytest.approx(oracle[a : a + n], abs=TOLERANCE)
            return answers

    assert len(asyncio.run(main())) == 300


def test_rows_by_name_in_any_order_equal_rows_by_position(
    service: Service, rows: NDArray[np.float32], artifact: Artifact
) -> None:
    """An object by input name is the list in the inputs' order."""
    names = [item.name for item in artifact.manifest.inputs]
    named = dict(reversed(list(zip(names, rows[0].tolist(), strict=True))))
    by_name, by_position = service.predict(named), service.predict(rows[0].tolist())
    assert by_name.json()["predictions"] == by_position.json()["predictions"]
    mixed = service.predict(named, rows[1].tolist())
    assert malignant(mixed)[0] == malignant(by_position)[0]


def test_an_explanation_adds_up_to_the_logit_of_the_probability(
    service: Service, rows: NDArray[np.float32]
) -> None:
    """Intercept plus contributions is the logit, and its sigmoid the probability, for every row."""
    answer = service.predict(*rows.tolist(), explain=True).json()
    for prediction in answer["predictions"]:
        explanation = prediction["explanation"]
        total = explanation["intercept"] + sum(explanation["contributions"].values())
        assert total == pytest.approx(explanation["logit"], abs=TOLERANCE)
        assert 1 / (1 + np.exp(-total)) == pytest.approx(prediction["probabilities"]["malignant"], abs=1e-6)


def test_an_explained_request_leaves_its_batch_mates_as_they_are(
    service: Service, rows: NDArray[np.float32]
) -> None:
    """Requests with and without explanation may share a batch; each gets what it asked for."""
    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(lambda i: service.predict(rows[i].tolist(), explain=i % 2 == 0), range(64)))
    for i, answer in enumerate(answers):
        assert ("explanation" in answer.json()["predictions"][0]) == (i % 2 == 0)


def test_ids_are_echoed_or_made(service: Service, rows: NDArray[np.float32]) -> None:
    """The body's id comes back; without one the request's id stands in, which a header may give."""
    row = rows[0].tolist()
    assert service.predict(row, id="mine").json()["id"] == "mine"
    answer = service.http.post("/predict", json={"instances": [row]}, headers={"X-Request-Id": "abc-1"})
    assert answer.headers["x-request-id"] == answer.json()["id"] == "abc-1"
    made = service.http.post("/predict", json={"instances": [row]}, headers={"X-Request-Id": "not sane"})
    assert made.headers["x-request-id"] != "not sane"
    others = {service.predict(row).json()["id"] for _ in range(20)}
    assert len(others) == 20


def test_what_waits_for_a_busy_worker_is_scored_together(start: Any, rows: NDArray[np.float32]) -> None:
    """64 single rows sent while the worker is held make far fewer than 64 calls of the model."""
    service = start()
    calls = service.metric("batch_rows_count")
    [worker] = service.workers()
    worker.send_signal(signal.SIGSTOP)
    with ThreadPoolExecutor(64) as pool:
        answers = [pool.submit(service.predict, row) for row in rows[:64].tolist()]
        wait_for(lambda: service.metric("pending_requests") == 64)
        worker.send_signal(signal.SIGCONT)
        assert all(answer.result().status_code == 200 for answer in answers)
    assert service.metric("rows_total") == 64
    # At most the first of each HTTP process, which found the worker free, and the rest of each.
    assert service.metric("batch_rows_count") - calls <= 4


def test_metrics_equal_what_was_sent(start: Any, rows: NDArray[np.float32]) -> None:
    """Totals over two HTTP processes and one worker are exactly the requests and rows that were answered."""
    service = start(api_servers=2)
    with ThreadPoolExecutor(16) as pool:
        good = list(pool.map(lambda i: service.predict(*rows[i : i + 1 + i % 3].tolist()), range(100)))
        bad = list(pool.map(lambda _: service.predict([1.0]), range(10)))
    sent = sum(len(answer.json()["predictions"]) for answer in good)
    assert {answer.status_code for answer in bad} == {422}
    assert service.metric("http_requests_total", route="/predict", code="200") == 100
    assert service.metric("http_requests_total", route="/predict", code="422") == 10
    assert service.metric("http_request_duration_seconds_count", route="/predict") == 110
    assert service.metric("rows_total") == service.metric("predictions_total") == sent
    assert service.metric("batch_rows_sum") == sent
    assert service.metric("queue_wait_seconds_count") == 100
    assert service.metric("inference_duration_seconds_count") == service.metric("batch_rows_count")
    assert service.metric("pending_requests") == 0
    assert service.metric("worker_up", worker="0") == 1
    assert service.metric("model_info", version="1", device="cpu") == 1


@pytest.mark.parametrize(
    "kind", ["application/x-www-form-urlencoded", "APPLICATION/X-WWW-FORM-URLENCODED; a=b"]
)
def test_json_that_calls_itself_a_form_is_taken(service: Service, kind: str) -> None:
    """`curl -d` says so of whatever it sends; rows and tensors are scored."""
    headers = {"Content-Type": kind}
    row = [1.0] * 30
    tensor = {"name": "features", "shape": [1, 30], "datatype": "FP32", "data": row}
    for path, document in (
        ("/predict", {"instances": [row], "id": 7}),
        ("/v2/models/breast-cancer/infer", {"inputs": [tensor], "id": 7}),
    ):
        answer = service.http.post(path, content=" \n" + json.dumps(document), headers=headers)
        assert answer.status_code == 200, answer.text
        assert answer.json()["id"] == 7


def test_a_body_in_x_gzip_is_inflated(service: Service) -> None:
    """The name of old for gzip is taken."""
    body = gzip.compress(json.dumps({"instances": [[1.0] * 30]}).encode())
    answer = service.http.post("/predict", content=body, headers={"Content-Encoding": "X-GZip"})
    assert answer.status_code == 200, answer.text
