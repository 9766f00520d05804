"""Versions of either format behind a running service: one that the first release wrote, one of every kind."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tritonclient import http

from models.repository import Artifact, Repository
from service.worker.runtime import Runtime
from tests.e2e.running import Service
from tests.service import mixed

FORMAT1 = Path(__file__).parents[1] / "models" / "format1"


@pytest.fixture(scope="module")
def first(share: Callable[..., Service]) -> Service:
    """A service of the frozen version of format 1."""
    return share(model_store=FORMAT1)


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """A model with a number, a truth and a category, each with gaps, that may abstain."""
    return mixed.publish(tmp_path_factory.mktemp("kinds"))


@pytest.fixture(scope="module")
def served(share: Callable[..., Service], kinds: Artifact) -> Service:
    """A service of it."""
    return share(model_store=kinds.path.parents[1])


@pytest.fixture(scope="module")
def client(served: Service) -> Iterator[http.InferenceServerClient]:
    """Triton's client of it."""
    with http.InferenceServerClient(f"127.0.0.1:{served.port}") as client:
        yield client


def test_a_version_of_the_first_format_is_served_as_ever(first: Service) -> None:
    """Its golden rows get their probabilities, and nothing else is in an answer than was."""
    manifest = Repository(FORMAT1).resolve("toy").manifest
    rows = [list(row.input) for row in manifest.golden]
    predictions = first.predict(*rows).json()["predictions"]
    for prediction, row in zip(predictions, manifest.golden, strict=True):
        assert list(prediction) == ["label", "probabilities"]
        assert list(prediction["probabilities"].values()) == pytest.approx(row.probabilities, abs=1e-5)
    refused = first.predict([None, 1.0])
    assert refused.status_code == 422
    assert refused.json()["error"] == 'row 0, input "x1": a missing value, which the model does not admit'
    assert first.http.get("/info").json()["threshold"] == 0.5


def test_cells_of_every_kind_are_scored(served: Service, kinds: Artifact) -> None:
    """By position and by name, with columns that are no inputs; each golden row as its manifest says."""
    names = [item.name for item in kinds.manifest.inputs]
    rows = [list(row.input) for row in kinds.manifest.golden]
    named = [dict(zip(names, row, strict=True)) | {"id": 1, "sold": "yes"} for row in rows]
    wanted = [row.probabilities[1] for row in kinds.manifest.golden]
    for sent in (rows, named, [*rows[:2], *named[2:]]):
        answer = served.predict(*sent, report_unseen=True)
        assert answer.status_code == 200, answer.text
        predictions = answer.json()["predictions"]
        assert [each["probabilities"]["yes"] for each in predictions] == pytest.approx(wanted, abs=1e-5)
        assert [each["unseen"] for each in predictions] == [[], [], [], ["city"], []]
        for each, share in zip(predictions, wanted, strict=True):
            label = "yes" if share >= 0.5 else "no"
            assert (each["label"], each["decision"]) == (label, "abstain" if 0.45 <= share < 0.55 else label)


def test_an_explanation_adds_up(served: Service, kinds: Artifact) -> None:
    """For each golden row, gaps and unseen text among them."""
    rows = [list(row.input) for row in kinds.manifest.golden]
    for prediction in served.predict(*rows, explain=True).json()["predictions"]:
        told = prediction["explanation"]
        total = told["intercept"] + sum(told["contributions"].values())
        assert total == pytest.approx(told["logit"], abs=1e-6)
        assert 1 / (1 + np.exp(-total)) == pytest.approx(prediction["probabilities"]["yes"], abs=1e-6)


def test_unseen_categories_are_counted(served: Service) -> None:
    """By input, by both protocols."""
    before = served.metric("unseen_categories_total", input="city")
    assert served.predict([1, True, "Neustadt"], [1, True, "Bonn"]).status_code == 200
    tensors = [
        {"name": "width (mm)", "shape": [1], "datatype": "FP32", "data": [None]},
        {"name": "geprüft", "shape": [1], "datatype": "BOOL", "data": [True]},
        {"name": "city", "shape": [1], "datatype": "BYTES", "data": ["Neustadt"]},
    ]
    answer = served.http.post("/v2/models/tiny/infer", json={"inputs": tensors})
    assert answer.status_code == 200, answer.text
    assert served.metric("unseen_categories_total", input="city") - before == 2


@pytest.mark.parametrize("binary", [True, False])
def test_tritons_client_sends_a_tensor_an_input(
    client: http.InferenceServerClient, kinds: Artifact, binary: bool
) -> None:
    """As the metadata says; an empty text and a NaN are missing."""
    told = client.get_model_metadata("tiny")["inputs"]
    assert [(each["datatype"], each["shape"]) for each in told] == [
        ("FP32", [-1, 1]),
        ("BOOL", [-1, 1]),
        ("BYTES", [-1, 1]),
    ]
    columns: list[Any] = [
        np.array([[3.25], [np.nan if binary else 3.25]], np.float32),
        np.array([[True], [True]]),
        np.array([["Bonn"], [""]], object),
    ]
    inputs = [
        http.InferInput(each["name"], [2, 1], each["datatype"]).set_data_from_numpy(
            values, binary_data=binary
        )
        for each, values in zip(told, columns, strict=True)
    ]
    result = client.infer("tiny", inputs)
    rows = np.array([[3.25, 1, 0], [columns[0][1, 0], 1, 4]], np.float32)
    wanted = Runtime(kinds, "cpu").predict(rows)
    assert result.as_numpy("probabilities") == pytest.approx(wanted, abs=1e-6)
    assert set(result.as_numpy("decision")) <= {b"no", b"yes", b"abstain"}


def test_each_example_of_the_description_works_when_pasted(served: Service) -> None:
    """As for a model of numbers."""
    operation = served.http.get("/openapi.json").json()["paths"]["/predict"]["post"]
    examples = operation["requestBody"]["content"]["application/json"]["examples"]
    answers = {name: served.http.post("/predict", json=each["value"]) for name, each in examples.items()}
    assert {answer.status_code for answer in answers.values()} == {200}
    documented = operation["responses"]["200"]["content"]["application/json"]["example"]
    found = answers["by name"].json()["predictions"][0]
    assert found["decision"] == documented["predictions"][0]["decision"]
    assert answers["unseen text reported"].json()["predictions"][0]["unseen"] == ["city"]
