"""Results to answers of the Open Inference Protocol, in the form that was wanted. Knows nothing of rows."""

import functools
import json
import math
import time
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.decision import ABSTAIN
from models.manifest import Manifest
from service.body import compression
from service.errors import InvalidError, quote
from service.feedback.token import Issuer, id_of
from service.oip import tensors
from service.oip.schema import InferRequest
from service.oip.signature import EXPLANATION, FEEDBACK, default_outputs, outputs, texts
from service.plane.call import Call, Content
from service.wire.results import NO_NUMBER, Results

FEW_ROWS = 8
"""Up to so many rows an answer is made quicker without arrays."""
USUAL_OUTPUTS = "probabilities", "label"
KNOWN_FORMS = 256
"""How many are remembered."""


class Wanted(NamedTuple):
    """One output of an answer, and whether its data follows the JSON as bytes."""

    name: str
    binary: bool


class Form(NamedTuple):
    """What an answer has, and its JSON, with a `%` for the id, and for the rows and data of each output."""

    outputs: tuple[Wanted, ...]
    explain: bool
    tokens: bool
    usual: bool
    json: bytes


class Answers:
    """The answers of one version of a model."""

    def __init__(self, manifest: Manifest, label_counts: list[int], issuer: Issuer | None = None) -> None:
        """`label_counts` counts the answered rows by class; whoever made it reads it.

        `issuer` makes a token for each row whose client wants one.
        """
        self._issuer = issuer
        self._decision = manifest.decision
        self._label_counts = label_counts
        self._known_form = functools.lru_cache(KNOWN_FORMS)(self._form)
        self._outputs = {
            tensor.name: f'{{"name": "{tensor.name}", "datatype": "{tensor.datatype}", '
            f'"shape": [{", ".join(["%d", *map(str, tensor.dims)])}], '
            for tensor in outputs(manifest, feedback=issuer is not None).values()
        }
        self._texts, self._default_outputs = texts(manifest), default_outputs(manifest)
        labels = (*manifest.classes, ABSTAIN)
        self._labels = [json.dumps(label).encode() for label in labels]
        self._labels_json = np.array(self._labels, object)
        self._labels_bytes = np.array([tensors.text_element(label) for label in labels], object)
        head = {"model_name": manifest.name, "model_version": str(manifest.version)}
        self._head = json.dumps(head)[1:-1].replace("%", "%%")
        self.raw = self._form(tuple(Wanted(name, binary=True) for name in self._default_outputs))
        """The form for a body that is nothing but values."""

    def form(self, request: InferRequest) -> Form:
        """Return what a request wants; raises InvalidError for an output that there is not, or twice."""
        return self._known_form(self._wanted(request))

    def _wanted(self, request: InferRequest) -> tuple[Wanted, ...]:
        default = request.parameters.binary_data_output
        if not request.outputs:
            return tuple([Wanted(name, default) for name in self._default_outputs])
        wanted: dict[str, Wanted] = {}
        for output in request.outputs:
            if output.name not in self._outputs or output.name in wanted:
                why = "asked for twice" if output.name in wanted else "no such output"
                raise InvalidError(f"output {quote(output.name)}: {why}")
            own = output.parameters.binary_data
            wanted[output.name] = Wanted(output.name, default if own is None else own)
        return tuple(wanted.values())

    def _form(self, wanted: tuple[Wanted, ...]) -> Form:
        explain = any(output.name in EXPLANATION for output in wanted)
        parts = [
            self._outputs[name] + ('"parameters": {"binary_data_size": %d}}' if binary else '"data": %b}')
            for name, binary in wanted
        ]
        text = f'{{{self._head}, "id": %b, "outputs": [{", ".join(parts)}]}}'
        usual = wanted == tuple(Wanted(name, binary=False) for name in USUAL_OUTPUTS)
        tokens = any(output.name == FEEDBACK for output in wanted)
        return Form(wanted, explain, tokens, usual, text.encode())

    def encode(self, form: Form, call: Call, results: Results, first: int) -> bytes:
        """Return the answer for the rows of `call`, the first of which is row `first` of `results`.

        Raises InvalidError when the model gives no number for a row.
        """
        if call.rows <= FEW_ROWS and form.usual:
            return self._encode_few(form, call, results, first)
        probabilities = results.probabilities_array(first, call.rows)
        numbers = np.isfinite(probabilities)
        if np.count_nonzero(numbers) < numbers.size:
            row = int(numbers.all(1).argmin())
            raise InvalidError(f"row {row}: {NO_NUMBER}", [{"row": row, "reason": NO_NUMBER}])
        labels = self._decision.of_array(probabilities)
        for label, count in enumerate(np.bincount(labels).tolist()):
            self._label_counts[label] += count
        arrays: dict[str, NDArray[Any]] = {"probabilities": probabilities, "label": labels}
        if self._decision.abstains:
            accepted = self._decision.accepts_array(probabilities)
            arrays["decision"] = np.where(accepted, labels, len(self._label_counts))
        if form.explain:
            arrays |= results.explanation_arrays(first, call.rows)
        if form.tokens and self._issuer is not None:
            arrays[FEEDBACK] = _tokens(self._issuer, call, probabilities, labels)
        given = call.request_id if call.id is None else call.id
        values: list[Any] = [json.dumps(given).encode()]
        raws = []
        for name, binary in form.outputs:
            if binary:
                raw = self._raw(name, arrays[name])
                raws.append(raw)
                values += (call.rows, len(raw))
            else:
                values += (call.rows, self._text(name, arrays[name]))
        header = form.json % tuple(values)
        if not raws:
            return _compressed(call, header)
        call.content = Content(b"application/octet-stream", json_bytes=len(header))
        return _compressed(call, b"".join([header, *raws]))

    def _encode_few(self, form: Form, call: Call, results: Results, first: int) -> bytes:
        """Return what `_encode` does for the usual outputs, without an array for each step."""
        found = list(results.probabilities(first, call.rows))
        flat = tuple(chain.from_iterable(found))
        if not all(map(math.isfinite, flat)):
            row = next(row for row, each in enumerate(found) if not all(map(math.isfinite, each)))
            raise InvalidError(f"row {row}: {NO_NUMBER}", [{"row": row, "reason": NO_NUMBER}])
        labels = list(map(self._decision.of_row, found))
        for label in labels:
            self._label_counts[label] += 1
        given = call.request_id if call.id is None else call.id
        texts = tensors.to_text(flat), b"[%b]" % b", ".join([self._labels[label] for label in labels])
        rows = call.rows
        return _compressed(call, form.json % (json.dumps(given).encode(), rows, texts[0], rows, texts[1]))

    def _raw(self, name: str, values: NDArray[Any]) -> bytes:
        """Return the elements of an output as bytes."""
        if name in self._texts:
            return b"".join(self._labels_bytes[values].tolist())
        if name == FEEDBACK:
            return b"".join(map(tensors.text_element, values.tolist()))
        return tensors.to_bytes(values)

    def _text(self, name: str, values: NDArray[Any]) -> bytes:
        """Return the elements of an output as JSON."""
        if name in self._texts:
            return b"[%b]" % b", ".join(self._labels_json[values].tolist())
        return tensors.to_json(values)


def _tokens(
    issuer: Issuer, call: Call, probabilities: NDArray[np.float32], labels: NDArray[np.intp]
) -> NDArray[Any]:
    """Return each row's token, and keep the rows where these are kept."""
    now, rows = int(time.time()), zip(probabilities.tolist(), labels.tolist(), strict=True)
    found = [issuer.issue(row, label, now) for row, label in rows]
    if issuer.keep is not None:
        for token, cells in zip(found, call.cells(), strict=True):
            issuer.keep(id_of(token), cells)
    return np.array([token.decode() for token in found], object)


def _compressed(call: Call, body: bytes) -> bytes:
    accepted = call.headers.get(b"accept-encoding")
    if accepted is None or len(body) < compression.MIN_BYTES:
        return body
    encoding = compression.choose(accepted)
    if encoding is None:
        return body
    call.content = call.content._replace(encoding=encoding)
    return compression.compress(body, encoding)
