"""Rows of cells to rows of numbers, and what is wrong with each. Knows nothing of requests."""

import difflib
from collections.abc import Callable, Mapping, Sequence
from itertools import chain, islice
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.cells import Kind
from models.encode import Encoder
from models.manifest import Manifest
from service.errors import MAX_DETAILS, quote

LONGEST_MISSPELLING = 100
"""Characters; a longer name gets no suggestion, for finding one takes a time that grows with it."""
MAX_SUGGESTIONS = 20
"""Wrong rows whose names get a suggestion: finding one takes up to a millisecond."""

Floats = NDArray[np.float32]


class Problem(NamedTuple):
    """One thing that is wrong with a row; the input that it is wrong with, if it is one, and how."""

    reason: str
    input: str | None = None
    kind: Kind | None = None

    def __str__(self) -> str:
        return self.reason if self.input is None else f"input {quote(self.input)}: {self.reason}"


class Wrong(NamedTuple):
    """What is wrong with a row: how many problems, and the first of them."""

    total: int
    problems: list[Problem]


class Rows:
    """The rows of one version of a model, as clients send them: lists in the inputs' order, objects by name.

    An object may also have the columns of the training file that are no inputs; they are ignored.
    """

    def __init__(self, manifest: Manifest) -> None:
        self.encoder = Encoder(manifest.inputs)
        self._names = self.encoder.names
        self._known = manifest.ignored.union(self._names)
        self._cells: Callable[[Mapping[str, Any]], Sequence[Any]] = itemgetter(*self._names)
        if len(self._names) == 1:  # of one name it gives no tuple
            self._cells = lambda row: (row[self._names[0]],)

    def sift(self, instances: list[Any]) -> tuple[Floats, list[Wrong | None]]:
        """Return float32 [good rows, inputs], and of each row what is wrong with it, or None."""
        verdicts: list[Wrong | None] = []
        rows: list[Sequence[Any]] = []
        misspelt = 0
        for instance in instances:
            found = self._in_order(instance, suggest=misspelt < MAX_SUGGESTIONS)
            if isinstance(found, Wrong):
                misspelt += 1
                verdicts.append(found)
            else:
                rows.append(found)
                verdicts.append(None)
        if not rows:
            return np.empty((0, len(self._names)), np.float32), verdicts
        values, wrong = self.encoder.sift(rows)
        places = [place for place, verdict in enumerate(verdicts) if verdict is None]
        for row, error in wrong.items():
            verdicts[places[row]] = _one(str(error), self._names[error.place], error.kind)
        return np.delete(values, list(wrong), axis=0), verdicts

    def _in_order(self, instance: Any, *, suggest: bool) -> Sequence[Any] | Wrong:
        """Return the cells of a row in the inputs' order, or what is wrong with its form.

        `suggest` is whether a wrong name gets the one that was probably meant, which takes a while.
        """
        if isinstance(instance, dict):
            try:
                cells = self._cells(instance)
            except KeyError:
                return self._wrong_names(instance, suggest=suggest)
            # Who has all names, and not more than there are, has no other.
            if len(instance) == len(self._names) or self._known.issuperset(instance):
                return cells
            return self._wrong_names(instance, suggest=suggest)
        if not isinstance(instance, list):
            return _one("neither a list nor an object")
        if len(instance) != len(self._names):
            return _one(f"{len(self._names)} values wanted, {len(instance)} given")
        return instance

    def _wrong_names(self, instance: dict[str, Any], *, suggest: bool) -> Wrong:
        unknown = [name for name in instance if name not in self._known]
        missing = [name for name in self._names if name not in instance]
        named = (
            Problem("no such input" + (self._suggestion(name) if suggest else ""), name) for name in unknown
        )
        problems = chain(named, (Problem("missing", name, "missing") for name in missing))
        return Wrong(len(unknown) + len(missing), list(islice(problems, MAX_DETAILS)))

    def _suggestion(self, name: str) -> str:
        if len(name) > LONGEST_MISSPELLING:
            return ""
        near = difflib.get_close_matches(name, self._names, n=1)
        return f"; did you mean {quote(near[0])}?" if near else ""


def _one(reason: str, name: str | None = None, kind: Kind | None = None) -> Wrong:
    return Wrong(1, [Problem(reason, name, kind)])
