"""`/predict` bodies to rows, and results to answers. Knows nothing of connections or workers."""

import functools
import json
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from models.decision import logit_count
from models.manifest import Manifest
from service.body.ident import MAX_ID_CHARACTERS, WRONG_ID
from service.body.whole import whole_body
from service.errors import (
    MAX_DETAILS,
    MAX_TEXT,
    InvalidError,
    MalformedError,
    ServiceError,
    TooLargeError,
    quote,
)
from service.plane.call import Call
from service.predict.bulk import BULK_BYTES
from service.predict.bulk import read as read_bulk
from service.predict.rows import Problem, Rows
from service.predict.schema import Envelope, positional_request, unexamined_request
from service.wire.results import NO_NUMBER, Results

MALFORMED = {"json_invalid", "model_type", "model_attributes_type"}
REASONS = {
    "extra_forbidden": "no such field",
    "missing": "missing",
    "list_type": "wanted a list of rows, [[…]] or [{…}]",
}
NOT_NESTED = "the rows are not nested: wanted a list of rows, [[…]] or [{…}]"
MAX_SUGGESTIONS = 20
"""Wrong rows whose names get a suggestion: finding one takes up to a millisecond."""
LARGE_BYTES = 256 * 1024
MAX_FIELDS = 100
"""A body with more fields is not told of each: a million of them would take seconds."""


class PredictCodec:
    """The two directions of `/predict` for one version of a model."""

    def __init__(self, manifest: Manifest, max_rows: int, most_bytes: int, label_counts: list[int]) -> None:
        """`most_bytes` may a body have when it is inflated.

        `label_counts` counts the answered rows by class; whoever made it reads it.
        """
        names = [item.name for item in manifest.inputs]
        self._inputs = len(names)
        self._classes = len(manifest.classes)
        self._decide = manifest.decision.of_row
        self._label_counts = label_counts
        self._max_rows, self._most_bytes = max_rows, most_bytes
        # A large body with more commas than any good one has is not worth the second that parsing it takes.
        per_row = len(names) + sum(name.count(",") for name in names)
        self._most_commas = max_rows * per_row + MAX_ID_CHARACTERS + MAX_FIELDS
        # Plain attributes of the compiled validators: the hot path calls nothing in between.
        self._envelope = Envelope.__pydantic_validator__
        self._positional = positional_request(manifest, max_rows).__pydantic_validator__
        self._unexamined = unexamined_request(max_rows).__pydantic_validator__
        self._rows = Rows(manifest)
        # Answers are made as bytes: % takes three quarters of the time that it takes with text.
        head = {"model": manifest.name, "version": str(manifest.version)}
        self._answer = b'{"id": %%b, %b, "predictions": [%%b]}' % json.dumps(head)[1:-1].encode()
        probabilities = ", ".join(f"{_key(label)}: %.9g" for label in manifest.classes)
        # Nine digits: a third of the time of all seventeen, and far inside what the sum is checked to.
        contributions = ", ".join(f"{_key(name)}: %.9g" for name in names)
        logits = f'{{"intercept": %.9g, "contributions": {{{contributions}}}, "logit": %.9g}}'
        if logit_count(self._classes) > 1:
            logits = "{" + ", ".join(f"{_key(label)}: {logits}" for label in manifest.classes) + "}"
        plain = [
            f'"label": {_key(label)}, "probabilities": {{{probabilities}}}' for label in manifest.classes
        ]
        self._plain = [f"{{{text}}}".encode() for text in plain]
        self._explained = [f'{{{text}, "explanation": {logits}}}'.encode() for text in plain]

    def decode(self, call: Call) -> None:
        """Validate the body and set the call's `payload`, `rows`, `explain`, `id` and `encode`.

        Raises MalformedError, InvalidError, TooLargeError or UnsupportedError.
        """
        body = whole_body(call, self._most_bytes)
        if len(body) > LARGE_BYTES and body.count(b",") > self._most_commas:
            raise TooLargeError(f"more values than {self._max_rows} rows have")
        try:
            request = self._read(call, body)
        except (ValueError, OverflowError):
            request = self._sift(call, body)
        else:
            call.encode = self.encode
            if request.on_error == "report":
                call.encode = functools.partial(self._encode_report, [None] * call.rows)
        call.id = request.id
        call.explain = request.explain

    def encode(self, call: Call, results: Results, first: int) -> bytes:
        """Return the answer for the rows of `call`, the first of which is row `first` of `results`.

        Raises InvalidError when the model gives no number for a row.
        """
        predictions = self._predictions(call, results, first)
        if None in predictions:
            row = predictions.index(None)
            raise InvalidError(f"row {row}: {NO_NUMBER}", [{"row": row, "reason": NO_NUMBER}])
        return self._answer % (_id(call), b", ".join(predictions))

    def _read(self, call: Call, body: bytes) -> Any:
        """Read good rows that are lists, which is the usual case; set the call's `payload` and `rows`.

        Returns the request; raises ValueError or OverflowError for any other body.
        """
        request: Any
        if len(body) < BULK_BYTES:
            request = self._positional.validate_json(body)
            call.payload = self._rows.pack(request.instances)
            call.rows = len(request.instances)
        else:
            bulk = read_bulk(body, self._inputs, self._max_rows)
            request = self._envelope.validate_python(bulk.fields)
            call.payload, call.rows = bulk.payload, bulk.rows
        return request

    def _sift(self, call: Call, body: bytes) -> Any:
        """Look at the rows one by one; set the call's `payload`, `rows` and `encode` by the good ones.

        Returns the request; raises InvalidError for a bad row unless the request asked to report it.
        """
        try:
            request: Any = self._unexamined.validate_json(body)
        except ValidationError as error:
            raise self._refusal(error) from None
        if not any(isinstance(instance, list | dict) for instance in request.instances):
            raise InvalidError(
                NOT_NESTED, [{"reason": NOT_NESTED}]
            )  # no row at all: nothing to report by row
        payloads: list[bytes] = []
        verdicts: list[bytes | None] = []
        details: list[dict[str, Any]] = []
        total = 0
        first = ""
        for row, instance in enumerate(request.instances):
            checked = self._rows.check(instance, suggest=len(verdicts) - len(payloads) < MAX_SUGGESTIONS)
            if isinstance(checked, bytes):
                payloads.append(checked)
                verdicts.append(None)
                continue
            problem = checked.problems[0]
            first = first or f"row {row}{':' if problem.input is None else ','} {problem}"
            verdicts.append(_verdict(str(problem)))
            total += checked.total
            if len(details) < MAX_DETAILS:
                details += [_detail(row, problem) for problem in checked.problems]
        if details and request.on_error == "fail":
            raise InvalidError(first, details, total)
        call.payload = b"".join(payloads)
        call.rows = len(payloads)
        report = request.on_error == "report"
        call.encode = functools.partial(self._encode_report, verdicts) if report else self.encode
        return request

    def _encode_report(self, verdicts: list[bytes | None], call: Call, results: Results, first: int) -> bytes:
        """Return the answer for all rows: what is wrong with the bad ones, and the others' predictions."""
        scored = iter([each or _verdict(NO_NUMBER) for each in self._predictions(call, results, first)])
        answers = [next(scored) if verdict is None else verdict for verdict in verdicts]
        return self._answer % (_id(call), b", ".join(answers))

    def _predictions(self, call: Call, results: Results, first: int) -> list[Any]:
        """Return each row's prediction; None where the model overflowed, and there is no number in it."""
        counts, plain = self._label_counts, self._plain
        rows, decide = results.probabilities(first, call.rows), self._decide
        found: list[bytes | None] = []
        for row, probabilities in enumerate(rows, first):
            if probabilities[0] != probabilities[0]:  # NaN, at a tenth of what isnan costs
                found.append(None)
                continue
            label = decide(probabilities)
            counts[label] += 1
            if call.explain:
                found.append(self._explained[label] % (probabilities + results.explanation(row)))
            else:
                found.append(plain[label] % probabilities)
        return found

    def _refusal(self, error: ValidationError) -> ServiceError:
        """Return what is wrong with a body whose rows nobody has looked at."""
        if error.error_count() > MAX_FIELDS:
            return InvalidError(f"{error.error_count()} fields that are not known")
        problems = error.errors(include_url=False, include_context=True, include_input=False)
        first = problems[0]
        if first["type"] in MALFORMED:
            reason = first.get("ctx", {}).get("error", "wanted an object with `instances`")
            return MalformedError(f"the body is not the JSON that is wanted: {reason}")
        if first["type"] == "too_long" and first["loc"] == ("instances",):
            return TooLargeError(f"more than {self._max_rows} rows")
        # An id that is of neither type has a problem with each, and one reason.
        reasons = list(dict.fromkeys(_reason(problem) for problem in problems))
        details = [{"reason": reason} for reason in reasons[:MAX_DETAILS]]
        return InvalidError(reasons[0], details, len(reasons))


def _detail(row: int, problem: Problem) -> dict[str, Any]:
    named = {} if problem.input is None else {"input": problem.input[:MAX_TEXT]}
    return {"row": row, **named, "reason": problem.reason}


def _id(call: Call) -> bytes:
    return json.dumps(call.request_id if call.id is None else call.id).encode()


def _verdict(reason: str) -> bytes:
    return json.dumps({"error": "invalid", "reason": reason}).encode()


def _reason(problem: ErrorDetails) -> str:
    name = problem["loc"][0]
    wanted = WRONG_ID if name == "id" else REASONS.get(problem["type"]) or _lower(problem["msg"])
    return f"{quote(str(name))}: {wanted}"


def _lower(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:]


def _key(name: str) -> str:
    """Return `name` as a JSON string, fit to stand in a % template."""
    return json.dumps(name).replace("%", "%%")
