"""Results to the JSON of `/predict`'s answers. Knows nothing of requests' bodies."""

import functools
import json
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from models.decision import ABSTAIN, logit_count
from models.manifest import Manifest
from service.errors import InvalidError
from service.feedback.token import Issue, Issuer, Keep, id_of
from service.plane.call import Call
from service.wire.results import NO_NUMBER, Results

Predictions = Callable[[Call, Results, int], list[Any]]


class Notes(NamedTuple):
    """What an answer says beside the predictions, where the request asked for it.

    `verdicts` has what is wrong with each row, or None; `unseen` for each scored row the inputs whose text
    was not seen in training.
    """

    verdicts: list[str | None] | None
    unseen: list[list[str]] | None


class Answers:
    """The answers of one version of a model."""

    def __init__(self, manifest: Manifest, label_counts: list[int], issuer: Issuer | None = None) -> None:
        """`label_counts` counts the answered rows by class; whoever made it reads it.

        `issuer` makes a token for each answered row.
        """
        self._decision = manifest.decision
        self._decide = manifest.decision.of_row
        self._label_counts = label_counts
        # Answers are made as bytes: % takes three quarters of the time that it takes with text.
        head = {"model": manifest.name, "version": str(manifest.version)}
        self._answer = b'{"id": %%b, %b, "predictions": [%%b]}' % json.dumps(head)[1:-1].encode()
        probabilities = ", ".join(f"{_key(label)}: %.9g" for label in manifest.classes)
        # Nine digits: a third of the time of all seventeen, and far inside what the sum is checked to.
        contributions = ", ".join(f"{_key(item.name)}: %.9g" for item in manifest.inputs)
        logits = f'{{"intercept": %.9g, "contributions": {{{contributions}}}, "logit": %.9g}}'
        if logit_count(len(manifest.classes)) > 1:
            logits = "{" + ", ".join(f"{_key(label)}: {logits}" for label in manifest.classes) + "}"
        plain = [
            f'"label": {_key(label)}, "probabilities": {{{probabilities}}}' for label in manifest.classes
        ]
        self._plain = [f"{{{text}}}".encode() for text in plain]
        self._explained = [f'{{{text}, "explanation": {logits}}}'.encode() for text in plain]
        self._predictions = self._decided if self._decision.abstains else self._scored
        if issuer is not None:
            tokened = functools.partial(self._tokened, issuer.issue, self._predictions)
            if issuer.keep is not None:
                tokened = functools.partial(self._kept, issuer.keep, issuer.issue, self._predictions)
            self._predictions = tokened
        self._decisions = [_field("decision", each) for each in (*manifest.classes, ABSTAIN)]

    def encode(self, call: Call, results: Results, first: int) -> bytes:
        """Return the answer for the rows of `call`, the first of which is row `first` of `results`.

        Raises InvalidError when the model gives no number for a row.
        """
        predictions = self._predictions(call, results, first)
        if None in predictions:
            raise _no_number(predictions)
        return self._answer % (_id(call), b", ".join(predictions))

    def encode_noted(self, notes: Notes, call: Call, results: Results, first: int) -> bytes:
        """Return the answer as `encode` does, with the notes in their places.

        Where there are verdicts a row without a number has one too, and is no error.
        """
        predictions = self._predictions(call, results, first)
        if notes.unseen is not None:
            predictions = [
                each and _with(each, _field("unseen", names))
                for each, names in zip(predictions, notes.unseen, strict=True)
            ]
        if notes.verdicts is not None:
            scored = iter([each or _verdict(NO_NUMBER) for each in predictions])
            predictions = [next(scored) if why is None else _verdict(why) for why in notes.verdicts]
        elif None in predictions:
            raise _no_number(predictions)
        return self._answer % (_id(call), b", ".join(predictions))

    def _scored(self, call: Call, results: Results, first: int) -> list[Any]:
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

    def _decided(self, call: Call, results: Results, first: int) -> list[Any]:
        """Return each row's prediction as `_scored` does, with the decision of a model that may abstain."""
        accepts, decide = self._decision.accepts, self._decide
        return [
            each and _with(each, self._decisions[decide(row) if accepts(row) else -1])
            for each, row in zip(
                self._scored(call, results, first), results.probabilities(first, call.rows), strict=True
            )
        ]

    def _tokened(
        self, issue: Issue, predictions: Predictions, call: Call, results: Results, first: int
    ) -> list[Any]:
        """Return each row's prediction as `predictions` does, with the token by which its label may come."""
        decide, now = self._decide, int(time.time())
        return [
            each and b'%b, "feedback": "%b"}' % (each[:-1], issue(row, decide(row), now))
            for each, row in zip(
                predictions(call, results, first), results.probabilities(first, call.rows), strict=True
            )
        ]

    def _kept(
        self, keep: Keep, issue: Issue, predictions: Predictions, call: Call, results: Results, first: int
    ) -> list[Any]:
        """Return what `_tokened` does, and keep the rows that got a token."""
        given: list[bytes] = []

        def noted(row: Sequence[float], label: int, now: int) -> bytes:
            given.append(issue(row, label, now))
            return given[-1]

        found = self._tokened(noted, predictions, call, results, first)
        answered = (cells for cells, each in zip(call.cells(), found, strict=True) if each is not None)
        for token, cells in zip(given, answered, strict=True):
            keep(id_of(token), cells)
        return found


def _no_number(predictions: list[Any]) -> InvalidError:
    row = predictions.index(None)
    return InvalidError(f"row {row}: {NO_NUMBER}", [{"row": row, "reason": NO_NUMBER}])


def _id(call: Call) -> bytes:
    return json.dumps(call.request_id if call.id is None else call.id).encode()


def _verdict(reason: str) -> bytes:
    return json.dumps({"error": "invalid", "reason": reason}).encode()


def _field(name: str, value: Any) -> bytes:
    return f', "{name}": {json.dumps(value)}}}'.encode()


def _with(prediction: bytes, field: bytes) -> bytes:
    """Return a prediction with one field more, which `_field` made."""
    return prediction[:-1] + field


def _key(name: str) -> str:
    """Return `name` as a JSON string, fit to stand in a % template."""
    return json.dumps(name).replace("%", "%%")
