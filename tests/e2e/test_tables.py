"""A table with text, gaps and truths, from a CSV file to the answers of a running service."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.repository import Artifact, Repository
from tests.e2e.running import Service
from training.__main__ import main

CITIES = ("Bonn", "Köln", "Ulm, alt")


def write(path: Path) -> None:
    """Write rows whose label follows age, city and membership, with gaps in the first two."""
    chance = random.Random(0)  # noqa: S311 - no secret
    lines = ["age,city,member,sold"]
    for _ in range(600):
        age, city, member = chance.randint(18, 80), chance.choice(CITIES), chance.random() < 0.5
        score = (age - 50) / 10 + (city == "Bonn") * 2 - member * 1.5 + chance.gauss(0, 1)
        shown = "" if chance.random() < 0.05 else str(age)
        quoted = "" if chance.random() < 0.05 else f'"{city}"'
        lines.append(f"{shown},{quoted},{'yes' if member else 'no'},{'sold' if score > 0 else 'kept'}")
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """The model of the table."""
    folder = tmp_path_factory.mktemp("tables")
    write(folder / "sales.csv")
    store = ["--store", str(folder / "store")]
    options = ["--abstain", "0.4:0.6", "--quiet"]
    assert main(["--data", str(folder / "sales.csv"), "--target", "sold", *store, *options]) == 0
    return Repository(folder / "store").resolve("sales")


@pytest.fixture(scope="module")
def served(share: Callable[..., Service], trained: Artifact) -> Service:
    """A service of it."""
    return share(model_store=trained.path.parents[1])


def one(answer: Any) -> dict[str, Any]:
    """Return the one prediction of an answer."""
    assert answer.status_code == 200, answer.text
    [prediction] = answer.json()["predictions"]
    found: dict[str, Any] = prediction
    return found


def test_kinds_are_found(served: Service) -> None:
    """In the order of the file, with gaps admitted where there were any."""
    inputs = served.http.get("/info").json()["inputs"]
    assert [(each["name"], each["kind"], each["missing"]["admitted"]) for each in inputs] == [
        ("age", "numeric", True),
        ("city", "categorical", True),
        ("member", "boolean", False),
    ]
    assert inputs[1]["categories"] == sorted(CITIES)


def test_rows_by_name_are_answered_as_by_position(served: Service) -> None:
    """With the target among them, and with the texts that stood for a truth."""
    by_position = one(served.predict([75, "Bonn", False]))
    assert by_position["label"] == by_position["decision"] == "sold"
    named = {"member": "no", "city": "Bonn", "age": 75, "sold": "kept"}
    assert one(served.predict(named)) == by_position


def test_gaps_are_taken_where_the_file_had_them(served: Service) -> None:
    """And refused elsewhere."""
    assert set(one(served.predict([None, None, True]))["probabilities"]) == {"kept", "sold"}
    refused = served.predict([50, "Bonn", None])
    assert refused.status_code == 422
    assert refused.json()["error"] == (
        'row 0, input "member": a missing value, which the model does not admit'
    )


def test_text_that_training_did_not_see_is_taken_and_told(served: Service) -> None:
    """It weighs nothing: there was no rare category."""
    before = served.metric("unseen_categories_total", input="city")
    prediction = one(served.predict([50, "Neustadt", True], report_unseen=True, explain=True))
    assert prediction["unseen"] == ["city"]
    assert prediction["explanation"]["contributions"]["city"] == 0
    assert served.metric("unseen_categories_total", input="city") - before == 1


def test_an_explanation_adds_up_to_the_logit(served: Service, trained: Artifact) -> None:
    """For each golden row, whose probabilities are the manifest's."""
    golden = trained.manifest.golden
    assert any(None in row.input for row in golden)
    answer = served.predict(*[list(row.input) for row in golden], explain=True)
    for prediction, row in zip(answer.json()["predictions"], golden, strict=True):
        told = prediction["explanation"]
        total = told["intercept"] + sum(told["contributions"].values())
        assert total == pytest.approx(told["logit"], abs=1e-6)
        assert 1 / (1 + np.exp(-total)) == pytest.approx(row.probabilities[1], abs=1e-5)


def test_the_open_inference_protocol_takes_a_tensor_an_input(served: Service) -> None:
    """And answers what /predict does."""
    tensors = [
        {"name": "age", "shape": [2], "datatype": "FP64", "data": [75, None]},
        {"name": "city", "shape": [2, 1], "datatype": "BYTES", "data": [["Bonn"], [""]]},
        {"name": "member", "shape": [2], "datatype": "BOOL", "data": [False, True]},
    ]
    answer = served.http.post("/v2/models/sales/infer", json={"inputs": tensors})
    assert answer.status_code == 200, answer.text
    outputs = {each["name"]: each["data"] for each in answer.json()["outputs"]}
    assert outputs.keys() == {"probabilities", "label", "decision"}
    rows = served.predict([75, "Bonn", False], [None, None, True]).json()["predictions"]
    assert outputs["probabilities"][1::2] == [row["probabilities"]["sold"] for row in rows]
    assert outputs["decision"] == [row["decision"] for row in rows]
