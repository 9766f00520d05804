"""Rows one by one: each is packed for the model, or told what is wrong with it. Knows nothing of requests.

The hot path does not come here: it validates and packs all rows at once, and this says why that failed.
"""

import difflib
import struct
from itertools import chain, islice
from typing import Any, NamedTuple

from pydantic import ValidationError

from models.manifest import Manifest
from service.errors import MAX_DETAILS, quote
from service.predict.schema import positional_row

REASONS = {"finite_number": "not a finite number", "float_type": "not a number"}
LONGEST_MISSPELLING = 100
"""Characters; a longer name gets no suggestion, for finding one takes a time that grows with it."""


class Problem(NamedTuple):
    """One thing that is wrong with a row, and the input that it is wrong with, if it is one."""

    reason: str
    input: str | None = None

    def __str__(self) -> str:
        return self.reason if self.input is None else f"input {quote(self.input)}: {self.reason}"


class Wrong(NamedTuple):
    """What is wrong with a row: how many problems, and the first of them."""

    total: int
    problems: list[Problem]


class Rows:
    """The rows of one version of a model, as clients send them."""

    def __init__(self, manifest: Manifest) -> None:
        self._names = [item.name for item in manifest.inputs]
        self._known = set(self._names)
        self._validate = positional_row(manifest).validator.validate_python
        self._row = struct.Struct(f"<{len(self._names)}f")

    def pack(self, rows: list[list[float]]) -> bytes:
        """Return float32 [rows, inputs], raw; raises OverflowError for what float32 cannot hold."""
        if len(rows) == 1:
            return self._row.pack(*rows[0])
        return struct.pack(f"<{len(rows) * len(self._names)}f", *chain.from_iterable(rows))

    def check(self, instance: Any, *, suggest: bool) -> bytes | Wrong:
        """Return float32 [inputs], raw, or what is wrong; a list is in the inputs' order, an object by name.

        `suggest` is whether a wrong name gets the one that was probably meant, which takes a while.
        """
        if isinstance(instance, dict):
            if instance.keys() != self._known:
                return self._wrong_names(instance, suggest=suggest)
            instance = [instance[name] for name in self._names]
        elif not isinstance(instance, list):
            return _one("neither a list nor an object")
        elif len(instance) != len(self._names):
            return _one(f"{len(self._names)} values wanted, {len(instance)} given")
        try:
            values = self._validate(instance)
        except ValidationError as error:
            problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
            reason = REASONS.get(problem["type"], problem["msg"])
            return _one(reason, self._names[int(problem["loc"][0])])
        try:
            return self._row.pack(*values)
        except OverflowError:
            return _one("too large for float32", self._names[_overflowing(values)])

    def _wrong_names(self, instance: dict[str, Any], *, suggest: bool) -> Wrong:
        unknown = [name for name in instance if name not in self._known]
        missing = [name for name in self._names if name not in instance]
        named = (
            Problem("no such input" + (self._suggestion(name) if suggest else ""), name) for name in unknown
        )
        problems = chain(named, (Problem("missing", name) for name in missing))
        return Wrong(len(unknown) + len(missing), list(islice(problems, MAX_DETAILS)))

    def _suggestion(self, name: str) -> str:
        if len(name) > LONGEST_MISSPELLING:
            return ""
        near = difflib.get_close_matches(name, self._names, n=1)
        return f"; did you mean {quote(near[0])}?" if near else ""


def _one(reason: str, name: str | None = None) -> Wrong:
    return Wrong(1, [Problem(reason, name)])


def _overflowing(row: list[float]) -> int:
    """Return the first place of `row` that float32 cannot hold."""
    for place, value in enumerate(row):
        try:
            struct.pack("<f", value)
        except OverflowError:
            return place
    raise AssertionError("float32 holds all of it")
