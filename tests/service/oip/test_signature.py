"""A model's tensors, as clients of the protocol are told of them."""

from typing import Any

import pytest

from models.artifact import Artifact
from models.manifest import Manifest
from service.oip.signature import configuration, default_outputs, metadata, outputs


@pytest.fixture(params=[2, 3])
def manifest(tiny: Artifact, request: pytest.FixtureRequest) -> Manifest:
    """Two inputs, and two classes or three."""
    return tiny.manifest.model_copy(update={"classes": ("no", "yes", "maybe")[: request.param]})


def test_an_explanation_has_a_class_dimension_for_more_than_two(manifest: Manifest) -> None:
    """Two classes share a logit."""
    logits = () if len(manifest.classes) == 2 else (3,)
    shapes = {tensor.name: (tensor.datatype, tensor.dims) for tensor in outputs(manifest).values()}
    assert shapes == {
        "probabilities": ("FP32", (len(manifest.classes),)),
        "label": ("BYTES", ()),
        "logit": ("FP64", logits),
        "intercept": ("FP64", logits),
        "contributions": ("FP64", (*logits, 2)),
    }


def same(told: dict[str, Any], configured: dict[str, Any]) -> None:
    """Check that metadata and configuration are of the same tensors."""
    types = {
        "FP32": "TYPE_FP32",
        "FP64": "TYPE_FP64",
        "BYTES": "TYPE_STRING",
        "BOOL": "TYPE_BOOL",
        "INT64": "TYPE_INT64",
    }

    def typed(tensors: Any) -> list[Any]:
        return [
            {"name": each["name"], "data_type": types[each["datatype"]], "dims": each["shape"][1:]}
            for each in tensors
        ]

    assert all(each["shape"][0] == -1 for each in told["inputs"] + told["outputs"])
    assert configured["input"] == typed(told["inputs"])
    assert configured["output"] == typed(told["outputs"])


def test_metadata_and_configuration_tell_the_same_tensors(manifest: Manifest) -> None:
    """The one with the rows as its first dimension, the other without, each by its own names of types."""
    told, configured = metadata(manifest, ["3"]), configuration(manifest, 64, "cpu", 2)
    same(told, configured)
    assert told["inputs"] == [{"name": "features", "datatype": "FP32", "shape": [-1, 2]}]
    assert (told["name"], told["versions"]) == ("tiny", ["3"])
    assert configured["version_policy"] == {"specific": {"versions": [3]}}


def test_metadata_tells_every_version_that_answers(manifest: Manifest) -> None:
    """Which of them it is of does not matter to that."""
    assert metadata(manifest, ["2", "3"])["versions"] == ["2", "3"]
    assert configuration(manifest, 64, "cpu", 2)["version_policy"] == {"specific": {"versions": [3]}}


def test_inputs_are_told_by_name_and_the_rows_of_the_data_are_not(manifest: Manifest) -> None:
    """In what is no part of the protocol."""
    properties = metadata(manifest, ["3"])["properties"]
    assert [each["name"] for each in properties["inputs"]] == ["width (mm)", "Höhe"]
    assert properties.keys() == {"inputs", "classes", "threshold"}


def test_inputs_of_other_kinds_have_a_tensor_each(mixed: Artifact) -> None:
    """By their datatypes; and a model that may abstain has an output for it, among those given unasked."""
    city = mixed.manifest.inputs[2]
    zips = city.model_copy(update={"name": "zip", "categories": (1, 2), "rare": ()})
    manifest = mixed.manifest.model_copy(update={"inputs": (*mixed.manifest.inputs, zips)})
    told = metadata(manifest, ["3"])
    assert told["inputs"] == [
        {"name": "width (mm)", "datatype": "FP32", "shape": [-1, 1]},
        {"name": "geprüft", "datatype": "BOOL", "shape": [-1, 1]},
        {"name": "city", "datatype": "BYTES", "shape": [-1, 1]},
        {"name": "zip", "datatype": "INT64", "shape": [-1, 1]},
    ]
    assert told["outputs"][2] == {"name": "decision", "datatype": "BYTES", "shape": [-1]}
    same(told, configuration(manifest, 64, "cpu", 2))
    assert default_outputs(manifest) == ("probabilities", "label", "decision")
    certain = manifest.model_copy(update={"abstain": None})
    assert default_outputs(certain) == ("probabilities", "label")
    assert "decision" not in outputs(certain)
    assert told["properties"]["threshold"] == 0.5
