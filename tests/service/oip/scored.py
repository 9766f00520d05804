"""Infer requests, and a codec with the model that scores what it decodes."""

import json
from collections import Counter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.repository import Artifact
from service.oip.codec import InferCodec
from service.plane.call import Call
from service.wire.results import Results, pack_results
from service.worker.runtime import Runtime
from tests.service.calls import KeptCall

MAX_ROWS, MOST_BYTES = 64, 1 << 20


class Model(NamedTuple):
    """A codec, and the model that scores what it decodes."""

    artifact: Artifact
    codec: InferCodec
    runtime: Runtime
    labels: list[int]
    unseen: Counter[str]

    @property
    def names(self) -> list[str]:
        """The inputs, in order."""
        return [item.name for item in self.artifact.manifest.inputs]

    def decode(self, body: bytes | dict[str, Any], **headers: str) -> Call:
        """Decode a request as it would come from a connection."""
        named = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
        call = KeptCall(body if isinstance(body, bytes) else json.dumps(body).encode(), named)
        self.codec.decode(call)
        return call

    def score(self, call: Call, before: int = 0) -> bytes:
        """Score a decoded call after `before` rows of others, and return the answer's body."""
        rows = np.frombuffer(call.payload, np.float32).reshape(call.rows, len(self.names))
        batch = np.concatenate([np.zeros((before, len(self.names)), np.float32), rows])
        explained = (self.runtime.intercept, self.runtime.contributions(batch)) if call.explain else ()
        payload = pack_results(self.runtime.predict(batch), *explained)
        classes = len(self.artifact.manifest.classes)
        results = Results(payload, len(batch), classes, len(self.names))
        return call.encode(call, results, before)

    def answer(self, call: Call, before: int = 0) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Score a decoded call; return the JSON of its answer, and each output as array."""
        body = self.score(call, before)
        return read(call, body)


def read(call: Call, body: bytes) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Take an answer apart as the protocol says."""
    length = len(body) if call.content.json_bytes is None else call.content.json_bytes
    kind = b"application/json" if length == len(body) else b"application/octet-stream"
    assert call.content.type == kind
    document, rest = json.loads(body[:length]), body[length:]
    found = {}
    for output in document["outputs"]:
        dtype = {"FP32": "<f4", "FP64": "<f8", "BYTES": object}[output["datatype"]]
        if "data" in output:
            flat = np.array(output["data"], dtype)
        else:
            size = output["parameters"]["binary_data_size"]
            raw, rest = rest[:size], rest[size:]
            flat = np.array(list(texts(raw)), dtype) if dtype is object else np.frombuffer(raw, dtype)
        found[output["name"]] = flat.reshape(output["shape"])
    assert not rest
    return document, found


def texts(raw: bytes) -> Any:
    """Yield the elements of a BYTES tensor."""
    while raw:
        size = int.from_bytes(raw[:4], "little")
        yield raw[4 : 4 + size].decode()
        raw = raw[4 + size :]


def load(artifact: Artifact) -> Model:
    """Put codec and model of an artifact together."""
    labels = [0] * len(artifact.manifest.classes)
    unseen: Counter[str] = Counter()
    codec = InferCodec(artifact.manifest, MAX_ROWS, MOST_BYTES, labels, unseen, Counter())
    return Model(artifact, codec, Runtime(artifact, "cpu"), labels, unseen)


def golden(model: Model) -> NDArray[np.float32]:
    """Rows that a model was published with."""
    return np.array([row.input for row in model.artifact.manifest.golden], np.float32)


def tensor(name: str, values: NDArray[Any], datatype: str = "FP32", **more: Any) -> dict[str, Any]:
    """Return an input without its data."""
    return {"name": name, "shape": list(values.shape), "datatype": datatype, **more}


def binary(inputs: list[tuple[dict[str, Any], bytes]], **request: Any) -> tuple[bytes, str]:
    """Return a body whose inputs follow the JSON, and the JSON's length."""
    described = [each | {"parameters": {"binary_data_size": len(raw)}} for each, raw in inputs]
    head = json.dumps({"inputs": described, **request}).encode()
    return head + b"".join(raw for _, raw in inputs), str(len(head))


ONES = np.ones((2, 30), np.float32)


GOOD = tensor("features", ONES, data=ONES.tolist())


def replaced(**fields: Any) -> dict[str, Any]:
    """Return a request with one good input but for these fields."""
    return {"inputs": [GOOD | fields]}
