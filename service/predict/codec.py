"""`/predict` bodies to rows, and results to answers. Knows nothing of connections or workers."""

import functools
import json
import re
from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError
from pydantic_core import ErrorDetails

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
from service.feedback.token import Issuer
from service.plane.call import Call
from service.predict.answers import Answers, Notes
from service.predict.bulk import BULK_BYTES
from service.predict.bulk import read as read_bulk
from service.predict.rows import Problem, Rows
from service.predict.schema import Envelope, unexamined_request
from service.predict.typed import Typed

MALFORMED = {"json_invalid", "model_type", "model_attributes_type"}
REASONS = {
    "extra_forbidden": "no such field",
    "missing": "missing",
    "list_type": "wanted a list of rows, [[…]] or [{…}]",
}
NOT_NESTED = "the rows are not nested: wanted a list of rows, [[…]] or [{…}]"
NAMED = re.compile(rb"\[\s*\{")
LONGEST_ENVELOPE = 256
"""Bytes before the first row in which it shows whether it is one by name; what is missed costs time alone."""
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
        refused_counts: Counter[tuple[str, str]],
        issuer: Issuer | None = None,
    ) -> None:
        """`most_bytes` may a body have when it is inflated. `issuer` makes a token for each answered row.

        `label_counts` counts the answered rows by class, `unseen_counts` the categories that training did
        not see, by input, `refused_counts` cells that are refused, by input and kind; whoever made them reads
        them.
        """
        self._names = [item.name for item in manifest.inputs]
        self._inputs = len(self._names)
        self._kept = issuer is not None and issuer.keep is not None
        self._unseen_counts, self._refused_counts = unseen_counts, refused_counts
        self._max_rows, self._most_bytes = max_rows, most_bytes
        # A large body with more commas than any good one has is not worth the second that parsing it takes.
        self._most_commas = max_rows * (self._inputs + len(manifest.ignored)) + MAX_FIELDS
        # Plain attributes of the compiled validators: the hot path calls nothing in between.
        self._envelope = Envelope.__pydantic_validator__
        self._unexamined = unexamined_request(max_rows).__pydantic_validator__
        self._rows = Rows(manifest)
        self._encoder = self._rows.encoder
        typed = Typed(manifest, self._encoder.columns, max_rows)
        self._typed = [typed]
        if not manifest.plain:
            self._typed.append(Typed(manifest, self._encoder.columns, max_rows, look_up=True))
        self._answers = Answers(manifest, label_counts, issuer)
        self._encode = self._answers.encode
        self._plain = manifest.plain

    def decode(self, call: Call) -> None:
        """Validate the body and set the call's `payload`, `rows`, `explain`, `id` and `encode`.

        Raises MalformedError, InvalidError, TooLargeError or UnsupportedError.
        """
        body = whole_body(call, self._most_bytes)
        if len(body) > LARGE_BYTES and body.count(b",") > self._most_commas < commas.between_values(body):
            raise TooLargeError(f"more values than {self._max_rows} rows have")
        wrong: frozenset[int] = frozenset()
        try:
            request = self._read(call, body)
        except (ValueError, OverflowError):
            request, wrong = self._sift(call, body)
        call.id = request.id
        call.explain = request.explain
        if self._kept:
            call.cells = functools.partial(self._sent, body, wrong)  # later: it is larger than the body

    def _sent(self, body: bytes, wrong: frozenset[int]) -> list[dict[str, Any]]:
        """Return the good rows of a body as they were sent, by input."""
        rows = enumerate(json.loads(body)["instances"])
        return [
            {name: row[name] for name in self._names}
            if isinstance(row, dict)
            else dict(zip(self._names, row, strict=True))
            for place, row in rows
            if place not in wrong
        ]

    # The ways to read a body: each sets the call's `payload`, `rows` and `encode`, and returns the request.

    def _read(self, call: Call, body: bytes) -> Any:
        """Read a body that is good; raises ValueError or OverflowError for what may be none."""
        if self._plain and len(body) >= BULK_BYTES and not NAMED.search(body, 0, LONGEST_ENVELOPE):
            try:
                return self._read_bulk(call, body)
            except ValueError:
                pass  # perhaps a gap
        for typed in self._typed:
            try:
                request, payload = typed.read(body)
            except ValueError:
                continue
            self._take(call, request, payload, len(request.instances), may_be_new=typed.looks_up)
            return request
        raise ValueError("not good")

    def _read_bulk(self, call: Call, body: bytes) -> Any:
        """Read many good rows that are lists of numbers; raises ValueError for any other body."""
        bulk = read_bulk(body, self._inputs, self._max_rows)
        request: Any = self._envelope.validate_python(bulk.fields)
        self._take(call, request, bulk.payload, bulk.rows, may_be_new=False)
        return request

    def _sift(self, call: Call, body: bytes) -> tuple[Any, frozenset[int]]:
        """Read the good rows, and say what is wrong with the others; return too which these are.

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
        self._refused_counts.update(
            (problem.input, problem.kind)
            for _, verdict in wrong
            for problem in verdict.problems
            if problem.kind is not None and problem.input is not None
        )
        if wrong and request.on_error == "fail":
            details = [
                _detail(row, each) for row, verdict in wrong[:MAX_DETAILS] for each in verdict.problems
            ]
            row, (_, [problem, *_]) = wrong[0]
            first = f"row {row}{':' if problem.input is None else ','} {problem}"
            raise InvalidError(first, details, sum(verdict.total for _, verdict in wrong))
        verdicts = [None if each is None else str(each.problems[0]) for each in found]
        self._take(call, request, values.tobytes(), len(values), verdicts)
        return request, frozenset(row for row, _ in wrong)

    def _take(
        self,
        call: Call,
        request: Any,
        payload: bytes,
        rows: int,
        verdicts: list[str | None] | None = None,
        *,
        may_be_new: bool = True,
    ) -> None:
        """Set the call by good rows, raw float32 [rows, inputs].

        `verdicts` has what is wrong with each row in its place, where not all are good. `may_be_new` is
        whether a category may be one that training did not see.
        """
        call.payload, call.rows = payload, rows
        call.encode = self._encode
        if may_be_new:
            counts = self._encoder.count_unseen(self._values(payload))
            if counts:
                self._unseen_counts.update(counts)
        report = request.on_error == "report"
        if report or request.report_unseen:
            unseen = self._encoder.unseen(self._values(payload)) if request.report_unseen else None
            notes = Notes((verdicts or [None] * rows) if report else None, unseen)
            call.encode = functools.partial(self._answers.encode_noted, notes)

    def _values(self, payload: bytes) -> NDArray[np.float32]:
        return np.frombuffer(payload, "<f4").reshape(-1, self._inputs)

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
