"""Infer bodies of the Open Inference Protocol to rows, and results to answers. Knows nothing of sockets.

The protocol is https://github.com/kserve/open-inference-protocol, with Triton's binary tensor data.
"""

import contextlib
import functools
import re
from collections import Counter

from pydantic import ValidationError

from models.manifest import Manifest
from service.body.ident import WRONG_ID
from service.body.whole import whole_body
from service.errors import InvalidError, MalformedError, ServiceError, quote
from service.feedback.token import Issuer
from service.oip import bulk, tensors
from service.oip.answers import Answers, Form
from service.oip.bulk import BULK_BYTES
from service.oip.inputs import Inputs, Rows
from service.oip.schema import InferRequest
from service.plane.call import Call

ID = b'"id"'
HEADER_LENGTH = b"inference-header-content-length"
LENGTH = re.compile(rb"[0-9]{1,10}")
MICROSECONDS = 1e6
KNOWN_BYTES, KNOWN_HEADERS = 1024, 256
"""How long a header may be that is remembered, and how many are."""


class InferCodec:
    """The two directions of `/v2/models/…/infer` for one version of a model."""

    def __init__(
        self,
        manifest: Manifest,
        max_rows: int,
        most_bytes: int,
        label_counts: list[int],
        unseen_counts: Counter[str],
        refused_counts: Counter[tuple[str, str]],
        issuer: Issuer | None = None,
    ) -> None:
        """`most_bytes` may a body have when it is inflated. `issuer` makes a token for each answered row.

        `label_counts` counts the answered rows by class, `unseen_counts` the categories that training did
        not see, by input, `refused_counts` cells that are refused, by input and kind; whoever made them reads
        them.
        """
        self._inputs = Inputs(manifest, max_rows, unseen_counts, refused_counts)
        self._most_bytes = most_bytes
        self._plain = manifest.plain
        self._kept = issuer is not None and issuer.keep is not None
        self._answers = Answers(manifest, label_counts, issuer)
        self._parse_known = functools.lru_cache(KNOWN_HEADERS)(self._parse)
        self._validate = InferRequest.__pydantic_validator__.validate_json

    def decode(self, call: Call) -> None:
        """Validate the body and set the call's `payload`, `rows`, `explain`, `id` and `encode`.

        Raises MalformedError for what is no infer request, InvalidError for one that does not fit the model,
        TooLargeError or UnsupportedError.
        """
        body = whole_body(call, self._most_bytes)
        length = self._json_length(call, body)
        if length == 0 and HEADER_LENGTH in call.headers:
            request, form, values = None, self._answers.raw, self._inputs.raw(body)
        else:
            request, form, values = self._read(body, length)
            if request.parameters.timeout:
                call.deadline = min(call.deadline, call.started + request.parameters.timeout / MICROSECONDS)
            call.id = request.id
        call.rows = len(values)
        call.payload = tensors.to_bytes(values)
        call.explain = form.explain
        call.encode = functools.partial(self._answers.encode, form)
        if form.tokens and self._kept:
            inputs = [] if request is None or self._plain else request.inputs
            binary = memoryview(body)[length:]
            call.cells = functools.partial(self._inputs.cells, inputs, binary, values)

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
        if length >= BULK_BYTES or ID not in body:  # with an id the rest may be a new one each time
            with contextlib.suppress(ValueError, ServiceError):
                rest, data = bulk.cut(body)
                request, form = self._look_up(rest, sure=False)
                return request, form, self._inputs.bulk(request.inputs, data)
        request, form = self._parse(body)
        return request, form, self._inputs.rows(request.inputs, memoryview(b""))

    def _look_up(self, header: bytes, *, sure: bool = True) -> tuple[InferRequest, Form]:
        """Parse JSON without data: it is the same in request after request of a client."""
        return (self._parse_known if len(header) <= KNOWN_BYTES else self._parse)(header, sure=sure)

    def _parse(self, header: bytes, *, sure: bool = True) -> tuple[InferRequest, Form]:
        """Parse JSON. Unless `sure`, what is refused will be looked at once more, and is counted then."""
        try:
            request: InferRequest = self._validate(header)
        except ValidationError as error:
            problem = error.errors(include_url=False, include_input=False)[0]
            if problem["loc"][:1] == ("id",):
                raise InvalidError(f'"id": {WRONG_ID}') from None
            place = ".".join(map(str, problem["loc"]))
            reason = "not offered" if problem["type"] == "none_required" else problem["msg"]
            raise MalformedError(f"{quote(place)}: {reason}" if place else reason) from None
        form = self._answers.form(request)
        self._inputs.check(request.inputs, sure=sure)
        return request, form
