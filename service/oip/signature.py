"""A model's signature in the Open Inference Protocol: its input and output tensors. Knows nothing of HTTP."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from models.decision import logit_count
from models.manifest import Manifest

FEATURES = "features"
"""The tensor that carries all inputs of a row together."""
DEFAULT_OUTPUTS = ("probabilities", "label")
EXPLANATION = ("logit", "intercept", "contributions")
"""Outputs that cost an explanation, so they are given on request only."""
PLATFORM = "pytorch_libtorch"
"""Triton's name for TorchScript."""
CONFIGURED = {"FP32": "TYPE_FP32", "FP64": "TYPE_FP64", "BYTES": "TYPE_STRING"}
"""Datatypes as a configuration calls them."""


class Tensor(NamedTuple):
    """One tensor; its shape is [rows, *dims]."""

    name: str
    datatype: str
    dims: tuple[int, ...]


def features(manifest: Manifest) -> Tensor:
    """Return the tensor of all inputs, in their order."""
    return Tensor(FEATURES, "FP32", (len(manifest.inputs),))


def outputs(manifest: Manifest) -> dict[str, Tensor]:
    """Return every output by name. The explanation is FP64, with a class dimension for more than two."""
    classes, inputs = len(manifest.classes), len(manifest.inputs)
    logits = () if logit_count(classes) == 1 else (logit_count(classes),)
    found = (
        Tensor("probabilities", "FP32", (classes,)),
        Tensor("label", "BYTES", ()),
        Tensor("logit", "FP64", logits),
        Tensor("intercept", "FP64", logits),
        Tensor("contributions", "FP64", (*logits, inputs)),
    )
    return {tensor.name: tensor for tensor in found}


def metadata(manifest: Manifest) -> dict[str, Any]:
    """Return the model metadata document; `properties` is ours: names, kinds, units, ranges."""

    def shaped(tensors: Iterable[Tensor]) -> list[dict[str, Any]]:
        return [{"name": each.name, "datatype": each.datatype, "shape": [-1, *each.dims]} for each in tensors]

    return {
        "name": manifest.name,
        "versions": [str(manifest.version)],
        "platform": PLATFORM,
        "inputs": shaped([features(manifest)]),
        "outputs": shaped(outputs(manifest).values()),
        "properties": manifest.model_dump(mode="json", include={"inputs", "classes", "threshold"}),
    }


def configuration(manifest: Manifest, max_rows: int, device: str, workers: int) -> dict[str, Any]:
    """Return the model configuration document, in Triton's form; its shapes leave out the rows."""

    def typed(tensors: Iterable[Tensor]) -> list[dict[str, Any]]:
        return [
            {"name": each.name, "data_type": CONFIGURED[each.datatype], "dims": list(each.dims)}
            for each in tensors
        ]

    kind = "KIND_CPU" if device == "cpu" else "KIND_GPU"
    return {
        "name": manifest.name,
        "platform": PLATFORM,
        "backend": "pytorch",
        "version_policy": {"specific": {"versions": [manifest.version]}},
        "max_batch_size": max_rows,
        "input": typed([features(manifest)]),
        "output": typed(outputs(manifest).values()),
        "instance_group": [{"name": manifest.name, "kind": kind, "count": workers}],
        "dynamic_batching": {"max_queue_delay_microseconds": 0},
    }
