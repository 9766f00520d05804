"""`/predict` bodies to rows, and results to answers. Knows nothing of connections or workers."""

import functools
from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError
from pydantic_core import ErrorDetails, from_json

from models.manifest import Manifest
from service.body import commas
from service.body.ident import WRONG_ID
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
from service.predict.answers import Answers, Notes
from service.predict.bulk import BULK_BYTES
from service.predict.bulk import read as read_bulk
from service.predict.rows import Problem, Rows
from service.predict.schema import Envelope, positional_request, unexamined_request

MALFORMED = {"json_invalid", "model_type", "model_attributes_type"}
REASONS = {
    "extra_forbidden": "no such field",
    "missing": "missing",
    "list_type": "wanted a list of rows, [[…]] or [{…}]",
}
NOT_NESTED = "the rows are not nested: wanted a list of rows, [[…]] or [{…}]"
LARGE_BYTES = 256 * 1024
MAX_FIELDS = 100
"""A body with more fields is not told of each: a million of them would take seconds."""


class PredictCodec:
    """The two directions of `/predict` for one version of a model."""

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
        self._inputs = len(manifest.inputs)
        self._unseen_counts = unseen_counts
        self._max_rows, self._most_bytes = max_rows, most_bytes
        # A large body with more commas than any good one has is not worth the second that parsing it takes.
        self._most_commas = max_rows * (self._inputs + len(manifest.ignored)) + MAX_FIELDS
        # Plain attributes of the compiled validators: the hot path calls nothing in between.
        self._envelope = Envelope.__pydantic_validator__
        self._positional = positional_request(manifest, max_rows).__pydantic_validator__
        self._unexamined = unexamined_request(max_rows).__pydantic_validator__
        self._rows = Rows(manifest)
        self._answers = Answers(manifest, label_counts)
        self._encode = self._answers.encode
        if manifest.plain:
            self._read, self._read_otherwise = self._read_numbers, self._read_any
        else:
            self._read, self._read_otherwise = self._read_cells, self._sift

    def decode(self, call: Call) -> None:
        """Validate the body and set the call's `payload`, `rows`, `explain`, `id` and `encode`.

        Raises MalformedError, InvalidError, TooLargeError or UnsupportedError.
        """
        body = whole_body(call, self._most_bytes)
        if len(body) > LARGE_BYTES and body.count(b",") > self._most_commas < commas.between_values(body):
            raise TooLargeError(f"more values than {self._max_rows} rows have")
        try:
            request = self._read(call, body)
        except (ValueError, OverflowError):
            request = self._read_otherwise(call, body)
        call.id = request.id
        call.explain = request.explain

    # The ways to read a body: each sets the call's `payload`, `rows` and `encode`, and returns the request.

    def _read_numbers(self, call: Call, body: bytes) -> Any:
        """Read good rows that are lists of numbers, which is the usual case.

        Raises ValueError or OverflowError for any other body.
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
        call.encode = self._encode
        if request.on_error == "report":
            notes = Notes([None] * call.rows, None)
            call.encode = functools.partial(self._answers.encode_noted, notes)
        return request

    def _read_cells(self, call: Call, body: bytes) -> Any:
        """Read good rows of any cells, column by column; raises ValueError for any other body."""
        request = self._unexamined.validate_python(from_json(body, allow_inf_nan=False))
        values = self._rows.encode(request.instances)
        self._take(call, request, values, [None] * len(values))
        return request

    def _read_any(self, call: Call, body: bytes) -> Any:
        try:
            return self._read_cells(call, body)
        except ValueError:
            return self._sift(call, body)

    def _sift(self, call: Call, body: bytes) -> Any:
        """Read the good rows, and say what is wrong with the others.

        Raises InvalidError for a bad row unless the request asked to report it.
        """
        try:
            request: Any = self._unexamined.validate_json(body)
        except ValidationError as error:
            raise self._refusal(error) from None
        if not any(isinstance(instance, list | dict) for instance in request.instances):
            raise InvalidError(
                NOT_NESTED, [{"reason": NOT_NESTED}]
            )  # no row at all: nothing to report by row
        values, found = self._rows.sift(request.instances)
        wrong = [(row, verdict) for row, verdict in enumerate(found) if verdict is not None]
        if wrong and request.on_error == "fail":
            details = [
                _detail(row, each) for row, verdict in wrong[:MAX_DETAILS] for each in verdict.problems
            ]
            row, (_, [problem, *_]) = wrong[0]
            first = f"row {row}{':' if problem.input is None else ','} {problem}"
            raise InvalidError(first, details, sum(verdict.total for _, verdict in wrong))
        verdicts = [None if each is None else str(each.problems[0]) for each in found]
        self._take(call, request, values, verdicts)
        return request

    def _take(
        self, call: Call, request: Any, values: NDArray[np.float32], verdicts: list[str | None]
    ) -> None:
        """Set the call by good rows, float32 [rows, inputs], and what is wrong with each row in its place."""
        call.payload, call.rows = values.tobytes(), len(values)
        encoder = self._rows.encoder
        if encoder.categorical:
            self._unseen_counts.update(encoder.count_unseen(values))
        report = request.on_error == "report"
        if report or request.report_unseen:
            unseen = encoder.unseen(values) if request.report_unseen else None
            notes = Notes(verdicts if report else None, unseen)
            call.encode = functools.partial(self._answers.encode_noted, notes)
        else:
            call.encode = self._encode

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


def _reason(problem: ErrorDetails) -> str:
    name = problem["loc"][0]
    wanted = WRONG_ID if name == "id" else REASONS.get(problem["type"]) or _lower(problem["msg"])
    return f"{quote(str(name))}: {wanted}"


def _lower(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:]
