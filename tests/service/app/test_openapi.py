"""The description of the HTTP interface: what FastAPI cannot know by itself."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from models.artifact import Artifact
from service.gate.access import Access, access_to
from tests.service.answering import Store, answering, numbered
from tests.service.app.asked import serve


@pytest.fixture
def described(tiny: Artifact, tmp_path: Path) -> dict[str, Any]:
    """The description of a service without keys."""
    found: dict[str, Any] = serve(tiny, tmp_path).get("/openapi.json").json()
    return found


def operations(described: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return each operation and its path."""
    return [(path, each) for path, methods in described["paths"].items() for each in methods.values()]


def test_every_error_has_the_one_form_and_every_answer_an_id(described: dict[str, Any]) -> None:
    """FastAPI's own form of errors is nowhere."""
    error = {"$ref": "#/components/schemas/ErrorResponse"}
    for path, operation in operations(described):
        for status, response in operation["responses"].items():
            assert "X-Request-Id" in response["headers"], path
            if int(status) >= 400:
                assert response["content"].keys() == {"application/json"}, path
                assert response["content"]["application/json"]["schema"] == error, path
    assert "ValidationError" not in str(described)
    assert "422" not in described["paths"]["/v2/models/{model}"]["get"]["responses"]  # a name is any text


def test_keys_are_asked_for_where_the_policy_says(
    described: dict[str, Any], tiny: Artifact, tmp_path: Path
) -> None:
    """And nowhere when there are none."""
    assert not any("security" in operation for _, operation in operations(described))
    assert "securitySchemes" not in described["components"]
    (tmp_path / "keys").write_text(f"someone:{hashlib.sha256(b'key').hexdigest()}\n")
    asked = serve(tiny, tmp_path, api_keys_file=tmp_path / "keys")
    guarded = asked.get("/openapi.json", headers={"X-API-Key": "key"}).json()
    schemes = set(guarded["components"]["securitySchemes"])
    for path, operation in operations(guarded):
        wanted = schemes if access_to(path) is not Access.OPEN else set()
        assert {name for each in operation.get("security", []) for name in each} == wanted, path
        assert ("401" in operation["responses"]) is bool(wanted), path


def test_predict_is_described_by_the_model(described: dict[str, Any]) -> None:
    """Its inputs by name and number, its classes, and an example that is one of its own rows."""
    operation = described["paths"]["/predict"]["post"]
    examples = operation["requestBody"]["content"]["application/json"]["examples"]
    assert examples["by position"]["value"] == {"instances": [[3.25, -0.1]]}
    assert examples["by name"]["value"] == {"instances": [{"width (mm)": 3.25, "Höhe": -0.1}]}
    [prediction] = operation["responses"]["200"]["content"]["application/json"]["example"]["predictions"]
    assert prediction == {"label": "yes", "probabilities": {"no": 0.30000000000000004, "yes": 0.7}}
    schemas = described["components"]["schemas"]
    assert schemas["NamedRow"]["required"] == ["width (mm)", "Höhe"]
    assert schemas["NamedRow"]["additionalProperties"] is False


def test_predict_is_described_by_the_kinds_of_the_inputs(mixed: Artifact, tmp_path: Path) -> None:
    """Each cell by its input, with null where gaps are admitted; columns that are no inputs may be there."""
    described = serve(mixed, tmp_path).get("/openapi.json").json()
    operation = described["paths"]["/predict"]["post"]
    examples = operation["requestBody"]["content"]["application/json"]["examples"]
    assert examples["by position"]["value"] == {"instances": [[3.25, True, "Bonn"]]}
    assert examples["by name"]["value"]["instances"][0]["city"] == "Bonn"
    assert examples["unseen text reported"]["value"]["report_unseen"] is True
    [prediction] = operation["responses"]["200"]["content"]["application/json"]["example"]["predictions"]
    assert (prediction["label"], prediction["decision"]) == ("yes", "yes")
    row = described["components"]["schemas"]["NamedRow"]
    assert row["required"] == ["width (mm)", "geprüft", "city"]
    assert [part["type"] for part in row["properties"]["city"]["anyOf"]] == ["string", "null"]
    assert [part["type"] for part in row["properties"]["geprüft"]["anyOf"]] == ["boolean", "string", "null"]
    assert {"id", "sold"} <= row["properties"].keys()
    told = {name: (each["description"], each.get("examples")) for name, each in row["properties"].items()}
    assert told["width (mm)"] == (
        "A number; -1e-300 to 1e+300 mm in training; null where it is missing.",
        None,
    )
    assert told["geprüft"] == (
        "A truth, or a text that stood for it in training; null where it is missing.",
        [True, False, "ja", "nein"],
    )
    assert told["city"] == (
        "A text, also one that training did not see; null where it is missing.",
        ["Bonn", "Ulm, alt", "Aue", "Zug"],
    )
    request = described["components"]["schemas"]["PredictRequest"]["properties"]
    assert "report_unseen" in request
    assert len(request["instances"]["items"]["oneOf"][0]["prefixItems"]) == 3


def test_an_example_keeps_its_gaps(mixed: Artifact, tmp_path: Path) -> None:
    """A null that a row by name has is there in the description too."""
    golden = mixed.manifest.golden
    manifest = mixed.manifest.model_copy(update={"golden": golden[1:]})
    gap = replace(mixed, manifest=manifest)
    described = serve(gap, tmp_path).get("/openapi.json").json()
    body = described["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]
    examples = body["examples"]
    assert examples["by position"]["value"] == {"instances": [[None, None, None]]}
    assert examples["by name"]["value"] == {
        "instances": [{"width (mm)": None, "geprüft": None, "city": None}]
    }
    assert examples["unseen text reported"]["value"]["instances"] == [[4, False, "Neustadt"]]


def test_a_unit_is_shown_as_it_is(mixed: Artifact, tmp_path: Path) -> None:
    """Pages render descriptions as Markdown: whatever means something there is escaped."""
    inputs = mixed.manifest.inputs
    unit = inputs[0].model_copy(update={"unit": "<b>m*s_1</b>"})
    manifest = mixed.manifest.model_copy(update={"inputs": (unit, *inputs[1:])})
    described = serve(replace(mixed, manifest=manifest), tmp_path).get("/openapi.json").json()
    says = described["components"]["schemas"]["NamedRow"]["properties"]["width (mm)"]["description"]
    assert r"1e+300 \<b\>m\*s\_1\</b\> in training" in says


def test_the_description_follows_the_default_models_version(
    tiny: Artifact, mixed: Artifact, tmp_path: Path
) -> None:
    """And is made once for each."""
    store = Store()
    store.commit(1, tiny)
    asked = serve(store.catalogue(), tmp_path)

    def required() -> list[str]:
        found: list[str] = asked.get("/openapi.json").json()["components"]["schemas"]["NamedRow"]["required"]
        return found

    assert required() == required() == ["width (mm)", "Höhe"]
    store.commit(2, numbered(mixed, 4, "tiny"))
    assert required() == ["width (mm)", "geprüft", "city"]


def test_other_models_are_described_by_what_all_take(tiny: Artifact, mixed: Artifact, tmp_path: Path) -> None:
    """The description is the same whichever of them are loaded."""
    alone, beside = (
        serve(answering(*versions), tmp_path).get("/openapi.json").json()
        for versions in ([tiny], [tiny, numbered(mixed, 1, "other")])
    )
    assert alone == beside
    for path in ("/models/{model}/predict", "/models/{model}/versions/{version}/predict"):
        operation = alone["paths"][path]["post"]
        body = operation["requestBody"]["content"]["application/json"]["schema"]
        assert body == {"$ref": "#/components/schemas/AnyPredictRequest"}
        assert operation["responses"].keys() >= {"200", "404", "422", "503"}
