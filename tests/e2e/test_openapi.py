"""The description of the interface against the service that it describes."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from models.repository import Artifact
from tests.e2e.running import Service

HOOKS = Path(__file__).with_name("schemathesis_hooks.py")
SCHEMATHESIS = """
[checks]
negative_data_rejection.expected-statuses = ["400", "404", "405", "413", "415", "422"]

[[operations]]
include-path-regex = "/infer$|^/models/"
# That a shape agrees with its data, and rows with the inputs of whichever model, no schema can say.
checks.positive_data_acceptance.enabled = false
"""


@pytest.fixture(scope="module")
def document(service: Service) -> dict[str, Any]:
    """The OpenAPI document."""
    found: dict[str, Any] = service.http.get("/openapi.json").json()
    return found


def test_each_example_works_when_pasted(service: Service, document: dict[str, Any]) -> None:
    """The requests are answered 200, the first one with the documented answer."""
    operation = document["paths"]["/predict"]["post"]
    examples = operation["requestBody"]["content"]["application/json"]["examples"]
    answers = {
        name: service.http.post("/predict", json=example["value"]) for name, example in examples.items()
    }
    assert {answer.status_code for answer in answers.values()} == {200}
    documented = operation["responses"]["200"]["content"]["application/json"]["example"]
    for name in ("by position", "by name"):
        answer = answers[name].json()
        assert answer["model"] == documented["model"]
        assert answer["predictions"][0]["label"] == documented["predictions"][0]["label"]
        assert answer["predictions"][0]["probabilities"] == pytest.approx(
            documented["predictions"][0]["probabilities"], abs=1e-5
        )
    assert "explanation" in answers["explained"].json()["predictions"][0]
    assert answers["wrong rows reported"].json()["predictions"][1]["error"] == "invalid"


def test_every_refusal_is_described_in_the_one_form(document: dict[str, Any]) -> None:
    """Each answer from 400 on is an ErrorResponse, and those of /predict have an example."""
    for path, methods in document["paths"].items():
        for operation in methods.values():
            for status, response in operation["responses"].items():
                assert "X-Request-Id" in response["headers"]
                if int(status) >= 400:
                    content = response["content"]["application/json"]
                    assert content["schema"]["$ref"].endswith("/ErrorResponse"), (path, status)
    for status, response in document["paths"]["/predict"]["post"]["responses"].items():
        example = response["content"]["application/json"]["example"]
        assert status == "200" or {"error", "code", "request_id"} <= example.keys()


def test_info_tells_what_the_inputs_are(service: Service, artifact: Artifact) -> None:
    """Names, kinds, units and the ranges seen in training, in order; no row of the training data."""
    info = service.http.get("/info").json()
    assert info["digest"] == artifact.digest
    assert [item["name"] for item in info["inputs"]] == [item.name for item in artifact.manifest.inputs]
    for item in info["inputs"]:
        assert item["kind"] == "numeric"
        assert item["unit"] is None
        assert item["reference"]["min"] <= item["reference"]["mean"] <= item["reference"]["max"]
    assert info["device"] == "cpu"
    assert "golden" not in info


def test_schemathesis_finds_nothing(service: Service, tmp_path: Path) -> None:
    """Whatever fits or breaks the description is answered as described, and never with a 5xx."""
    (tmp_path / "schemathesis.toml").write_text(SCHEMATHESIS)
    options = ["--max-examples", "15", "--seed", "1", "--no-color", "--generation-database", "none"]
    options += ["--phases", "examples,coverage,fuzzing"]
    runner = [str(Path(sys.executable).parent / "st"), "--config-file", "schemathesis.toml"]
    ran = subprocess.run(
        [*runner, "run", f"{service.url}/openapi.json", *options],
        cwd=tmp_path,
        env=os.environ | {"SCHEMATHESIS_HOOKS": str(HOOKS)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout.partition("= FAILURES =")[2][:5000]
    assert service.predict([1.0] * 30).status_code == 200
