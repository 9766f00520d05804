"""Infer bodies of the Open Inference Protocol to rows, and results to answers. Knows nothing of sockets.

The protocol is https://github.com/kserve/open-inference-protocol, with Triton's binary tensor data.
"""

import contextlib
import functools
import json
import re
from collections import Counter
from typing import Any, NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from models.decision import ABSTAIN
from models.manifest import Manifest
from service.body import compression
from service.body.ident import WRONG_ID
from service.body.whole import whole_body
from service.errors import InvalidError, MalformedError, NoSuchModelError, ServiceError, quote
from service.oip import bulk, tensors
from service.oip.bulk import BULK_BYTES
from service.oip.inputs import Inputs, Rows
from service.oip.schema import InferRequest
from service.oip.signature import EXPLANATION, default_outputs, outputs, texts
from service.plane.call import Call, Content
from service.wire.results import NO_NUMBER, Results

HEADER_LENGTH = b"inference-header-content-length"
LENGTH = re.compile(rb"[0-9]{1,10}")
MICROSECONDS = 1e6
KNOWN_BYTES, KNOWN_HEADERS = 1024, 256
"""How long a header may be that is remembered, and how many are."""


class Wanted(NamedTuple):
    """One output of an answer, and whether its data follows the JSON as bytes."""

    name: str
    binary: bool


class Form(NamedTuple):
    """What an answer has, and its JSON, with a `%` for the id, and for the rows and data of each output."""

    outputs: tuple[Wanted, ...]
    explain: bool
    json: bytes


class InferCodec:
    """The two directions of `/v2/models/…/infer` for one version of a model."""

    def __init__(
        self,
        manifest: Manifest,
        max_rows: int,
        most_bytes: int,
        label_counts: list[int],
        unseen_counts: Counter[str],
    ) -> None:
        """`most_bytes` may a body have when it is inflated.

        `label_counts` counts the answered rows by class, `unseen_counts` the categories that training did
        not see, by input; whoever made them reads them.
        """
        self._inputs = Inputs(manifest, max_rows, unseen_counts)
        self._most_bytes = most_bytes
        self._decision = manifest.decision
        self._label_counts = label_counts
        self._parse_known = functools.lru_cache(KNOWN_HEADERS)(self._parse)
        self._known_form = functools.lru_cache(KNOWN_HEADERS)(self._form)
        self._validate = InferRequest.__pydantic_validator__.validate_json
        self._outputs = {
            tensor.name: f'{{"name": "{tensor.name}", "datatype": "{tensor.datatype}", '
            f'"shape": [{", ".join(["%d", *map(str, tensor.dims)])}], '
            for tensor in outputs(manifest).values()
        }
        self._texts, self._default_outputs = texts(manifest), default_outputs(manifest)
        labels = (*manifest.classes, ABSTAIN)
        self._labels_json = np.array([json.dumps(label).encode() for label in labels], object)
        self._labels_bytes = np.array([tensors.text_element(label) for label in labels], object)
        head = {"model_name": manifest.name, "model_version": str(manifest.version)}
        self._head = json.dumps(head)[1:-1].replace("%", "%%")
        self._raw = self._form(tuple(Wanted(name, binary=True) for name in self._default_outputs))

    def decode(self, call: Call) -> None:
        """Validate the body and set the call's `payload`, `rows`, `explain`, `id` and `encode`.

        Raises MalformedError for what is no infer request, InvalidError for one that does not fit the model,
        TooLargeError or UnsupportedError.
        """
        body = whole_body(call, self._most_bytes)
        length = self._json_length(call, body)
        if length == 0 and HEADER_LENGTH in call.headers:
            form, values = self._raw, self._inputs.raw(body)
        else:
            request, form, values = self._read(body, length)
            if request.parameters.timeout:
                call.deadline = min(call.deadline, call.started + request.parameters.timeout / MICROSECONDS)
            call.id = request.id
        call.rows = len(values)
        call.payload = tensors.to_bytes(values)
        call.explain = form.explain
        call.encode = functools.partial(self._encode, form)

    # The request

    @staticmethod
    def _json_length(call: Call, body: bytes) -> int:
        given = call.headers.get(HEADER_LENGTH)
        if given is None:
            return len(body)
        if not LENGTH.fullmatch(given) or int(given) > len(body):
            raise MalformedError(
                "Inference-Header-Content-Length: wanted the length of the JSON at the body's start"
            )
        return int(given)

    def _read(self, body: bytes, length: int) -> tuple[InferRequest, Form, Rows]:
        """Return the request, its answer's form and its rows; the first `length` bytes of `body` are JSON."""
        if length < len(body):
            request, form = self._look_up(body[:length])
            return request, form, self._inputs.rows(request.inputs, memoryview(body)[length:])
        if length >= BULK_BYTES:
            with contextlib.suppress(ValueError, ServiceError):
                rest, data = bulk.cut(body)
                request, form = self._look_up(rest)
                return request, form, self._inputs.bulk(request.inputs, data)
        request, form = self._parse(body)
        return request, form, self._inputs.rows(request.inputs, memoryview(b""))

    def _look_up(self, header: bytes) -> tuple[InferRequest, Form]:
        """Parse JSON without data: it is the same in request after request of a client."""
        return (self._parse_known if len(header) <= KNOWN_BYTES else self._parse)(header)

    def _parse(self, header: bytes) -> tuple[InferRequest, Form]:
        try:
            request: InferRequest = self._validate(header)
        except ValidationError as error:
            problem = error.errors(include_url=False, include_input=False)[0]
            if problem["loc"][:1] == ("id",):
                raise InvalidError(f'"id": {WRONG_ID}') from None
            place = ".".join(map(str, problem["loc"]))
            reason = "not offered" if problem["type"] == "none_required" else problem["msg"]
            raise MalformedError(f"{quote(place)}: {reason}" if place else reason) from None
        form = self._known_form(self._wanted(request))
        self._inputs.check(request.inputs)
        return request, form

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

    # The answer

    def _form(self, wanted: tuple[Wanted, ...]) -> Form:
        explain = any(output.name in EXPLANATION for output in wanted)
        parts = [
            self._outputs[name] + ('"parameters": {"binary_data_size": %d}}' if binary else '"data": %b}')
            for name, binary in wanted
        ]
        text = f'{{{self._head}, "id": %b, "outputs": [{", ".join(parts)}]}}'
        return Form(wanted, explain, text.encode())

    def _encode(self, form: Form, call: Call, results: Results, first: int) -> bytes:
        """Return the answer for the rows of `call`, the first of which is row `first` of `results`.

        Raises InvalidError when the model gives no number for a row.
        """
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
        given = call.request_id if call.id is None else call.id
        values: list[Any] = [json.dumps(given).encode()]
        raws = []
        for name, binary in form.outputs:
            if binary:
                raw = (
                    self._labels_raw(arrays[name]) if name in self._texts else tensors.to_bytes(arrays[name])
                )
                raws.append(raw)
                values += (call.rows, len(raw))
            else:
                text = (
                    self._labels_text(arrays[name]) if name in self._texts else tensors.to_json(arrays[name])
                )
                values += (call.rows, text)
        header = form.json % tuple(values)
        if not raws:
            return _compressed(call, header)
        call.content = Content(b"application/octet-stream", json_bytes=len(header))
        return _compressed(call, b"".join([header, *raws]))

    def _labels_raw(self, labels: NDArray[np.intp]) -> bytes:
        return b"".join(self._labels_bytes[labels].tolist())

    def _labels_text(self, labels: NDArray[np.intp]) -> bytes:
        return b"[%b]" % b", ".join(self._labels_json[labels].tolist())


def unknown(_: Call) -> NoReturn:
    """Refuse a call of a model or version that is not served."""
    raise NoSuchModelError


def _compressed(call: Call, body: bytes) -> bytes:
    accepted = call.headers.get(b"accept-encoding")
    if accepted is None or len(body) < compression.MIN_BYTES:
        return body
    encoding = compression.choose(accepted)
    if encoding is None:
        return body
    call.content = call.content._replace(encoding=encoding)
    return compression.compress(body, encoding)
