"""A model's signature in the Open Inference Protocol: its input and output tensors. Knows nothing of HTTP."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from models.decision import logit_count
from models.inputs import Boolean, Categorical, Input
from models.manifest import Manifest
from service.oip.tensors import INTEGERS, NUMBERS

FEATURES = "features"
"""The tensor that carries all inputs of a row together."""
EXPLANATION = ("logit", "intercept", "contributions")
"""Outputs that cost an explanation, so they are given on request only."""
FEEDBACK = "feedback"
"""The output of a row's token, where feedback is on; on request only, for it is longer than all others."""
PLATFORM = "pytorch_libtorch"
"""Triton's name for TorchScript."""
CONFIGURED = {
    "FP32": "TYPE_FP32",
    "FP64": "TYPE_FP64",
    "BYTES": "TYPE_STRING",
    "BOOL": "TYPE_BOOL",
    "INT64": "TYPE_INT64",
}
"""Datatypes as a configuration calls them."""


class Tensor(NamedTuple):
    """One tensor; its shape is [rows, *dims]."""

    name: str
    datatype: str
    dims: tuple[int, ...]


def inputs(manifest: Manifest) -> list[Tensor]:
    """Return the tensors that clients are told of: all numbers together, or one tensor an input."""
    if manifest.plain:
        return [Tensor(FEATURES, "FP32", (len(manifest.inputs),))]
    return [Tensor(item.name, datatypes(item)[0], (1,)) for item in manifest.inputs]


def datatypes(item: Input) -> tuple[str, ...]:
    """Return the datatypes that an input's own tensor may have, the one that clients are told of first."""
    if isinstance(item, Boolean):
        return ("BOOL", "BYTES")
    if isinstance(item, Categorical):
        return ("INT64", *INTEGERS) if item.of_integers else ("BYTES",)
    return ("FP32", *NUMBERS)


def default_outputs(manifest: Manifest) -> tuple[str, ...]:
    """Return the outputs that are given when none is asked for."""
    return ("probabilities", *texts(manifest))


def texts(manifest: Manifest) -> tuple[str, ...]:
    """Return the outputs that are a class a row: its label, and the decision of a model that may abstain."""
    return ("label", "decision") if manifest.abstain else ("label",)


def outputs(manifest: Manifest, *, feedback: bool = False) -> dict[str, Tensor]:
    """Return every output by name. The explanation is FP64, with a class dimension for more than two.

    `feedback` is whether there are tokens.
    """
    classes, columns = len(manifest.classes), len(manifest.inputs)
    logits = () if logit_count(classes) == 1 else (logit_count(classes),)
    found = (
        Tensor("probabilities", "FP32", (classes,)),
        *(Tensor(name, "BYTES", ()) for name in texts(manifest)),
        Tensor("logit", "FP64", logits),
        Tensor("intercept", "FP64", logits),
        Tensor("contributions", "FP64", (*logits, columns)),
        *([Tensor(FEEDBACK, "BYTES", ())] if feedback else []),
    )
    return {tensor.name: tensor for tensor in found}


def metadata(manifest: Manifest, versions: list[str], *, feedback: bool = False) -> dict[str, Any]:
    """Return the model metadata document; `properties` is ours: names, kinds, units, ranges.

    `versions` are those of the model that answer, `feedback` is whether there are tokens.
    """

    def shaped(tensors: Iterable[Tensor]) -> list[dict[str, Any]]:
        return [{"name": each.name, "datatype": each.datatype, "shape": [-1, *each.dims]} for each in tensors]

    return {
        "name": manifest.name,
        "versions": versions,
        "platform": PLATFORM,
        "inputs": shaped(inputs(manifest)),
        "outputs": shaped(outputs(manifest, feedback=feedback).values()),
        "properties": {
            **manifest.model_dump(mode="json", include={"inputs", "classes"}),
            "threshold": manifest.threshold.value,
        },
    }


def configuration(
    manifest: Manifest, max_rows: int, device: str, workers: int, *, feedback: bool = False
) -> dict[str, Any]:
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
        "input": typed(inputs(manifest)),
        "output": typed(outputs(manifest, feedback=feedback).values()),
        "instance_group": [{"name": manifest.name, "kind": kind, "count": workers}],
        "dynamic_batching": {"max_queue_delay_microseconds": 0},
    }
