"""True labels of a running service: tokens go out with answers, and what comes back with them is counted."""

import base64
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.parser import text_string_to_metric_families
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from models.manifest import Manifest
from models.repository import Artifact, Repository
from service.feedback.seen import LATE_S
from service.feedback.token import Issuer, Key, fresh_numbers
from tests.e2e import faulty
from tests.e2e.running import TLS, Service, wait_for
from tests.e2e.swapping import LONG_S, MODEL, ROW, by_number, version
from tests.service.gate.written import line

SECRET = b"of these tests, and of nobody else"
BINS = 20
Start = Callable[..., Service]


@pytest.fixture(scope="session")
def secret(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of the secret."""
    path = tmp_path_factory.mktemp("secret") / "secret"
    path.write_bytes(SECRET + b"\n")
    return path


@pytest.fixture(scope="module")
def service(share: Start, secret: Path) -> Service:
    """A service that takes labels."""
    return share(feedback_secret_file=secret)


def send(service: Service, tokens: Sequence[str], labels: Sequence[str], **more: Any) -> httpx.Response:
    """Send labels of rows."""
    items = [{"token": token, "label": label} for token, label in zip(tokens, labels, strict=True)]
    return service.http.post("/feedback", json={"feedback": items}, **more)


def tokens(answer: httpx.Response) -> list[str]:
    """Return the tokens of an answer."""
    assert answer.status_code == 200, answer.text
    return [each["feedback"] for each in answer.json()["predictions"]]


def said(taken: int = 0, repeated: int = 0, late: int = 0) -> dict[str, int]:
    """Return what is answered."""
    return {"taken": taken, "repeated": repeated, "late": late}


def made(manifest: Manifest, ago_s: float = 0) -> str:
    """Return a token of an answer that was given before the service was there."""
    issuer = Issuer(Key(SECRET), manifest, fresh_numbers())
    return issuer.issue([0.5] * len(manifest.classes), 0, int(time.time() - ago_s)).decode()


class Live:
    """What a scrape tells of the quality of one class, by its bins, as PromQL has it."""

    def __init__(self, scraped: str, name: str) -> None:
        found = dict.fromkeys(product(("scores", "score_sum"), ("true", "false"), range(BINS)), 0.0)
        for family in text_string_to_metric_families(scraped):
            counter = family.name.removeprefix("logitserve_feedback_")
            for sample in family.samples:
                if counter in ("scores", "score_sum") and sample.labels["class"] == name:
                    place = round(float(sample.labels["low"]) * BINS)
                    found[counter, sample.labels["actual"], place] += sample.value

        def bins(counter: str, actual: str) -> NDArray[np.float64]:
            return np.array([found[counter, actual, place] for place in range(BINS)])

        true, false = (np.diff(bins("scores", actual), prepend=0) for actual in ("true", "false"))
        sums = bins("score_sum", "true") + bins("score_sum", "false")
        below = bins("scores", "false") - false
        self.labels = (true + false).sum()
        self.auc = (true * (below + false / 2)).sum() / (true.sum() * false.sum())
        self.ece = np.abs(sums - true).sum() / self.labels


@pytest.mark.parametrize("classes", [2, 3])
def test_live_quality_is_scikit_learns(
    start: Start, secret: Path, store: Path, wine_store: Path, classes: int
) -> None:
    """AUC and calibration within their bins, log-loss and Brier score exactly; some labels differ."""
    model, root = ("breast-cancer", store) if classes == 2 else ("wine", wine_store)
    rows = (load_breast_cancer() if classes == 2 else load_wine()).data
    manifest = Repository(root).resolve(model).manifest
    service = start(feedback_secret_file=secret, model_store=root, api_servers=2)
    answer = service.predict(*rows.tolist())
    predictions = answer.json()["predictions"]
    p = np.array([[each["probabilities"][name] for name in manifest.classes] for each in predictions])
    random = np.random.default_rng(17)
    wrong = random.uniform(size=len(rows)) < 0.2
    actual = np.where(wrong, random.integers(0, classes, len(rows)), p.argmax(1))
    labels = [manifest.classes[place] for place in actual]
    given = tokens(answer)
    for first in range(0, len(rows), 50):
        part = slice(first, first + 50)
        assert send(service, given[part], labels[part]).json()["taken"] == len(labels[part])

    mean_loss = service.metric("feedback_log_loss_total") / len(rows)
    assert mean_loss == pytest.approx(log_loss(actual, p / p.sum(1, keepdims=True)), rel=1e-6)
    positive = manifest.decision.positive
    brier = (
        brier_score_loss(actual == positive, p[:, positive])
        if classes == 2
        else brier_score_loss(actual, p / p.sum(1, keepdims=True), scale_by_half=False)
    )
    assert service.metric("feedback_brier_total") / len(rows) == pytest.approx(brier, rel=1e-6)
    scraped = service.http.get("/metrics").text
    for place in [positive] if classes == 2 else range(classes):
        live, hit, score = Live(scraped, manifest.classes[place]), actual == place, p[:, place]
        binned = np.minimum((score * BINS).astype(int), BINS - 1)
        gaps = [abs((score - hit)[binned == number].sum()) for number in range(BINS)]
        assert live.labels == len(rows)
        assert live.auc == pytest.approx(roc_auc_score(hit, binned))
        assert live.auc == pytest.approx(roc_auc_score(hit, score), abs=0.05)
        assert live.ece == pytest.approx(sum(gaps) / len(rows), rel=1e-6)
    for predicted in range(classes):
        for true in range(classes):
            pair = {"predicted": manifest.classes[predicted], "actual": manifest.classes[true]}
            count = ((p.argmax(1) == predicted) & (actual == true)).sum()
            assert service.metric("feedback_total", **pair, version="1") == count
    assert service.metric("feedback_delay_seconds_count", model=model) == len(rows)


def test_a_series_is_there_before_its_first_label(start: Start, secret: Path) -> None:
    """At 0, and the outcomes of tokens too."""
    service = start(feedback_secret_file=secret)
    text = service.http.get("/metrics").text
    for sample in (
        'feedback_total{actual="benign",model="breast-cancer",predicted="malignant",version="1"}',
        'feedback_log_loss_total{model="breast-cancer",version="1"}',
        'feedback_delay_seconds_count{model="breast-cancer"}',
        'feedback_tokens_total{outcome="late"}',
    ):
        assert f"\nlogitserve_{sample} 0.0\n" in text


def test_what_is_forged_foreign_or_unknown_is_named(service: Service, artifact: Artifact) -> None:
    """By its place; what is good beside it is not counted until it comes alone."""
    good, other = tokens(service.predict([1.0] * 30, [2.0] * 30))
    raw = bytearray(base64.urlsafe_b64decode(good))
    raw[-20] ^= 1
    forged = base64.urlsafe_b64encode(raw).decode()
    foreign = made(artifact.manifest.model_copy(update={"name": "iris"}))
    before = service.metric("feedback_tokens_total", outcome="refused")
    answer = send(service, [good, forged, foreign, other], ["benign", "benign", "benign", "Benign"])
    assert answer.status_code == 422
    assert [each["reason"] for each in answer.json()["details"]] == [
        "feedback.1: the token is forged: nobody gave it who has this service's secret",
        'feedback.2: the token is foreign: no version of "iris" with its classes answers here',
        'feedback.3: unknown label "Benign"; wanted "benign", "malignant"',
    ]
    assert service.metric("feedback_tokens_total", outcome="refused") == before + 4
    assert send(service, [good, other], ["benign", "benign"]).json() == said(taken=2)


def test_what_came_twice_or_late_is_said(service: Service, artifact: Artifact) -> None:
    """And not counted."""
    counted = service.metric("feedback_total")
    [token] = tokens(service.predict([3.0] * 30))
    assert send(service, [token, token], ["benign", "malignant"]).json() == said(taken=1, repeated=1)
    late, soon = made(artifact.manifest, LATE_S + 60), made(artifact.manifest, LATE_S - 3600)
    answer = send(service, [token, late, soon], ["benign"] * 3)
    assert answer.json() == said(taken=1, repeated=1, late=1)
    assert service.metric("feedback_total") == counted + 2


def test_a_token_counts_once_over_all_processes(start: Start, secret: Path, tmp_path: Path) -> None:
    """Whichever of them it comes to, also when one was killed meanwhile."""
    service = start(feedback_secret_file=secret, api_servers=2, run_dir=tmp_path / "run")
    given = tokens(service.predict(*[[1.0] * 30] * 8))

    def alone(_: int) -> dict[str, int]:
        items = [{"token": token, "label": "benign"} for token in given]
        with httpx.Client(base_url=service.url, timeout=30, verify=TLS) as client:
            found: dict[str, int] = client.post("/feedback", json={"feedback": items}).json()
            return found

    def by_process() -> list[float]:
        """Return how many tokens came to each."""
        paths = [tmp_path / "run" / "metrics" / f"counter_api-{slot}.db" for slot in range(2)]
        return [
            sum(
                value
                for key, value, *_ in MmapedDict.read_all_values_from_file(path)
                if "feedback_tokens" in key
            )
            for path in map(str, paths)
        ]

    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(alone, range(64)))
    assert sum(each["taken"] for each in found) == len(given)
    assert sum(each["repeated"] for each in found) == 63 * len(given)
    assert all(by_process())
    assert sum(by_process()) == 64 * len(given)
    killed, _ = service.apis()
    killed.kill()
    wait_for(lambda: len(service.apis()) == 2 and killed.pid not in [each.pid for each in service.apis()])
    wait_for(service.ready)
    service.http.close()
    service.http = httpx.Client(base_url=service.url, timeout=30, verify=TLS)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(alone, range(16)))
    assert {each["taken"] for each in found} == {0}
    assert service.metric("feedback_total", actual="benign") == len(given)
    assert service.stop() == 0


def test_labels_of_a_version_that_was_replaced(start: Start, secret: Path, tmp_path: Path) -> None:
    """They count for the version that answered, under its number."""
    root = faulty.publish_telling(tmp_path / "store", MODEL, 2)
    service = start(feedback_secret_file=secret, model_store=root)
    before = tokens(service.predict(ROW, ROW))
    Repository(root).promote(MODEL, 2)
    wait_for(lambda: version(service) == "2", LONG_S)
    after = tokens(service.predict(ROW))
    assert by_number(service, 1)["predictions"][0]["feedback"]
    assert send(service, [*before, *after], ["no", "yes", "yes"]).json() == said(taken=3)
    for number, actual, count in (("1", "no", 1), ("1", "yes", 1), ("2", "no", 0), ("2", "yes", 1)):
        pair = {"version": number, "predicted": "yes", "actual": actual}
        assert service.metric("feedback_total", **pair) == count
    assert service.metric("feedback_delay_seconds_count", model=MODEL) == 3


def test_with_keys_labels_want_one(start: Start, secret: Path, tmp_path: Path) -> None:
    """That may predict."""
    (tmp_path / "keys").write_text(line("predict-key"))
    service = start(feedback_secret_file=secret, api_keys_file=tmp_path / "keys")
    key = {"X-API-Key": "predict-key"}
    body = {"instances": [[1.0] * 30]}
    given = tokens(service.http.post("/predict", json=body, headers=key))
    assert send(service, given, ["benign"]).status_code == 401
    assert send(service, given, ["benign"], headers=key).json() == said(taken=1)


def test_clients_of_the_protocol_ask_for_their_tokens(service: Service) -> None:
    """As of any output."""
    tensor = {"name": "features", "shape": [1, 30], "datatype": "FP32", "data": [1.0] * 30}
    document = {"inputs": [tensor], "outputs": [{"name": "label"}, {"name": "feedback"}]}
    label, token = service.http.post("/v2/models/breast-cancer/infer", json=document).json()["outputs"]
    assert send(service, token["data"], label["data"]).json() == said(taken=1)
    told = service.http.get("/v2/models/breast-cancer").json()["outputs"]
    assert {"name": "feedback", "datatype": "BYTES", "shape": [-1]} in told


@pytest.mark.parametrize(
    ("settings", "status", "said"),
    [
        ({"feedback_dir": "rows"}, 2, "FEEDBACK_DIR=rows: wanted with SERVICE_FEEDBACK_SECRET_FILE"),
        ({"feedback_secret_file": "nowhere"}, 1, "FEEDBACK_SECRET_FILE=nowhere: No such file"),
    ],
)
def test_settings_that_do_not_fit_stop_the_start(
    start: Start, settings: dict[str, str], status: int, said: str
) -> None:
    """With one line."""
    service = start(ready=False, **settings)
    assert service.main.wait(30) == status
    [told] = service.log().splitlines()
    assert told.startswith(f"error: SERVICE_{said}")
