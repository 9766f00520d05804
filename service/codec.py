"""`/predict` bodies to rows, and results to answers. Knows nothing of connections or workers."""

import difflib
import json
import struct
from itertools import chain
from typing import Any

from pydantic import ValidationError

from models.manifest import Manifest
from service.call import Call
from service.errors import InvalidError, MalformedError, ServiceError, TooLargeError, UnsupportedError, quote
from service.results import Results
from service.schema import positional_request, predict_request

FORM_TYPES = (b"application/x-www-form-urlencoded", b"multipart/form-data")
BINARY = 2
"""Classes that share one logit, and for which the threshold decides."""
MALFORMED = {"json_invalid", "model_type", "model_attributes_type"}
REASONS = {
    "finite_number": "not a finite number",
    "float_type": "not a number",
    "missing": "missing",
}


class PredictCodec:
    """The two directions of `/predict` for one version of a model."""

    def __init__(self, manifest: Manifest, max_rows: int, label_counts: list[int]) -> None:
        """`label_counts` counts the answered rows by class; whoever made it reads it."""
        self._names = [item.name for item in manifest.inputs]
        self._classes = len(manifest.classes)
        self._threshold = manifest.threshold
        self._label_counts = label_counts
        self._max_rows = max_rows
        # Plain attributes of the compiled validators: the hot path calls nothing in between.
        self._positional = positional_request(manifest, max_rows).__pydantic_validator__
        self._any = predict_request(manifest, max_rows).__pydantic_validator__
        self._one_row = struct.Struct(f"<{len(self._names)}f")
        head = {"model": manifest.name, "version": str(manifest.version)}
        self._head = json.dumps(head)[1:-1]
        probabilities = ", ".join(f"{_key(label)}: %.9g" for label in manifest.classes)
        self._predictions = [
            f'{{"label": {_key(label)}, "probabilities": {{{probabilities}}}' for label in manifest.classes
        ]
        contributions = ", ".join(f"{_key(name)}: %r" for name in self._names)
        one = f'{{"intercept": %r, "contributions": {{{contributions}}}, "logit": %r}}'
        logits = (
            one
            if self._classes == BINARY
            else ("{" + ", ".join(f"{_key(label)}: {one}" for label in manifest.classes) + "}")
        )
        self._explanation = f', "explanation": {logits}'

    def decode(self, call: Call) -> None:
        """Validate the body and set the call's `payload`, `rows`, `explain`, `id` and `encode`.

        Raises MalformedError, InvalidError, TooLargeError or UnsupportedError.
        """
        headers = call.headers
        encoding = headers.get(b"content-encoding")
        if encoding is not None and encoding.lower() != b"identity":
            raise UnsupportedError(f"unknown Content-Encoding {quote(encoding.decode('latin-1'))}")
        if headers.get(b"content-type", b"").lower().startswith(FORM_TYPES):
            raise UnsupportedError(
                "a form is not accepted; send JSON, with Content-Type: application/json or none"
            )
        body = call.body[0] if len(call.body) == 1 else b"".join(call.body)
        try:
            request: Any = self._positional.validate_json(body)
            rows = request.instances
        except ValidationError:
            try:
                request = self._any.validate_json(body)
            except ValidationError as error:
                raise self._refusal(error) from None
            rows = [self._ordered(row) for row in request.instances]
        call.rows = len(rows)
        call.payload = self._pack(rows)
        call.id = request.id
        call.explain = request.explain
        call.encode = self.encode

    def encode(self, call: Call, results: Results, first: int) -> bytes:
        """Return the answer for the rows of `call`, the first of which is row `first` of `results`."""
        predictions = []
        k = self._classes
        for row in range(first, first + call.rows):
            probabilities = results.probabilities[row * k : row * k + k]
            label = self._label(probabilities)
            self._label_counts[label] += 1
            prediction = self._predictions[label] % tuple(probabilities)
            if call.explain:
                prediction += self._explanation % self._explain(results, row)
            predictions.append(prediction)
        given = f'"{call.request_id}"' if call.id is None else json.dumps(call.id)  # ours needs no escapes
        return f'{{"id": {given}, {self._head}, "predictions": [{"}, ".join(predictions)}}}]}}'.encode()

    def _label(self, probabilities: list[float]) -> int:
        if self._classes == BINARY:
            return int(probabilities[1] >= self._threshold)
        return probabilities.index(max(probabilities))

    @staticmethod
    def _explain(results: Results, row: int) -> tuple[float, ...]:
        return tuple(
            chain.from_iterable(
                (results.intercept(i), *results.contributions(row, i), results.logit(row, i))
                for i in range(results.logits)
            )
        )

    def _ordered(self, row: Any) -> list[float]:
        return [row[name] for name in self._names] if isinstance(row, dict) else row

    def _pack(self, rows: list[list[float]]) -> bytes:
        """Return float32 [rows, inputs]; raises InvalidError for what float32 cannot hold."""
        try:
            if len(rows) == 1:
                return self._one_row.pack(*rows[0])
            return struct.pack(f"<{len(rows) * len(self._names)}f", *chain.from_iterable(rows))
        except OverflowError:
            raise InvalidError("a number is too large for float32", self._too_large(rows)) from None

    def _too_large(self, rows: list[list[float]]) -> list[dict[str, Any]]:
        details = []
        for number, row in enumerate(rows):
            for name, value in zip(self._names, row, strict=True):
                try:
                    struct.pack("<f", value)
                except OverflowError:
                    details.append({"row": number, "input": name, "reason": "too large for float32"})
        return details

    def _refusal(self, error: ValidationError) -> ServiceError:
        problems = error.errors(include_url=False, include_context=True, include_input=False)
        first = problems[0]
        if first["type"] in MALFORMED:
            reason = first.get("ctx", {}).get("error", "wanted an object with `instances`")
            return MalformedError(f"the body is not the JSON that is wanted: {reason}")
        if first["type"] == "too_long" and first["loc"] == ("instances",):
            return TooLargeError(f"more than {self._max_rows} rows")
        details = [self._detail(problem) for problem in problems]
        where = details[0]
        place = ", ".join(
            f"{key} {where[key] if key == 'row' else quote(where[key])}"
            for key in ("row", "input")
            if key in where
        )
        return InvalidError(f"{place}: {where['reason']}" if place else where["reason"], details)

    def _detail(self, problem: Any) -> dict[str, Any]:
        """Return one pydantic problem as row, input and reason."""
        location, kind, context = problem["loc"], problem["type"], problem.get("ctx", {})
        reason = REASONS.get(kind, problem["msg"][0].lower() + problem["msg"][1:])
        if location[0] != "instances" or len(location) == 1:
            return {"reason": f"{quote(str(location[0]))}: {reason}"}
        detail: dict[str, Any] = {"row": location[1]}
        if len(location) > 3:  # noqa: PLR2004 - instances, row, list or object, input
            key = location[3]
            detail["input"] = self._names[key] if isinstance(key, int) else str(key)[:120]
            if kind == "extra_forbidden":
                near = difflib.get_close_matches(detail["input"], self._names, n=1)
                reason = "no such input" + (f"; did you mean {quote(near[0])}?" if near else "")
        elif kind in ("too_short", "too_long"):
            reason = f"{len(self._names)} values wanted, {context['actual_length']} given"
        elif kind == "list_type":
            reason = "neither a list nor an object"
        detail["reason"] = reason
        return detail


def _key(name: str) -> str:
    """Return `name` as a JSON string, fit to stand in a % template."""
    return json.dumps(name).replace("%", "%%")
