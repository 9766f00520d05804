"""The cells of one input to numbers, by its kind. Knows nothing of rows or of other inputs."""

import math
from collections.abc import Mapping, Sequence
from types import NoneType
from typing import Any, Literal

from models.inputs import Boolean, Categorical, Input, Numeric

NUMBERS = frozenset({int, float})
NOTHING = frozenset({NoneType})
NOT_ADMITTED = "a missing value, which the model does not admit"
MOST_NAMED = 5
"""Texts of a boolean that a refusal repeats."""


Kind = Literal["missing", "type", "text", "range"]
"""Why a cell is refused: none where one must be, of no type or no text that is taken, beyond float32."""


class CellError(ValueError):
    """A cell that its input does not take; the message says why, and `place` which of the cells it is."""

    def __init__(self, place: int, reason: str, kind: Kind = "type") -> None:
        super().__init__(reason)
        self.place, self.kind = place, kind


class Column:
    """What every kind of input has: the types of the cells that it takes, and the numbers of those it knows.

    `codes` has None too where a missing value is admitted.
    """

    def __init__(self, types: frozenset[type], wanted: str, codes: Mapping[Any, float]) -> None:
        self.codes = dict(codes)
        self._types = types | (NOTHING if None in codes else frozenset())
        self._wanted = wanted

    def encode(self, cells: Sequence[Any]) -> Sequence[float]:
        """Return a number for each cell; raises CellError for the first that is of no type it takes."""
        if not set(map(type, cells)) <= self._types:
            place = next(place for place, cell in enumerate(cells) if type(cell) not in self._types)
            if cells[place] is None:
                raise CellError(place, NOT_ADMITTED, "missing")
            raise CellError(place, self._wanted)
        return self.encode_typed(cells)

    def encode_typed(self, cells: Sequence[Any]) -> Sequence[float]:
        """Return what `encode` does of cells that are known to be of types it takes."""
        raise NotImplementedError


class Numbers(Column):
    """A number is itself, and a missing one NaN."""

    def __init__(self, item: Numeric) -> None:
        super().__init__(NUMBERS, "not a number", {None: math.nan} if item.missing.admitted else {})

    def encode_typed(self, cells: Sequence[Any]) -> Sequence[float]:
        """Return numbers."""
        return [math.nan if cell is None else cell for cell in cells] if None in cells else cells


class Codes(Column):
    """A cell is looked up; what is not there is refused, or has a code of its own."""

    def __init__(
        self, codes: Mapping[Any, float], missing: float | None, types: frozenset[type], wanted: str
    ) -> None:
        super().__init__(types, wanted, codes if missing is None else {**codes, None: missing})
        self._missing = missing

    def encode_typed(self, cells: Sequence[Any]) -> Sequence[float]:
        """Return codes."""
        codes = self.codes
        try:
            return list(map(codes.__getitem__, cells))
        except KeyError:
            return [
                codes[cell] if cell in codes else self._otherwise(place, cell)
                for place, cell in enumerate(cells)
            ]

    def _otherwise(self, place: int, cell: Any) -> float:
        """Return the code of a cell that is not spelled as in training."""
        raise CellError(place, f"{self._wanted}, not {cell!r:.40}", "text")

    def _nothing(self, place: int) -> float:
        """Return the code of a text without a letter, which is missing, as an empty cell of a file."""
        if self._missing is None:
            raise CellError(place, NOT_ADMITTED, "missing")
        return self._missing


class Truths(Codes):
    """A truth is 0 or 1; a text is the truth that it stood for in training, in any case."""

    def __init__(self, item: Boolean) -> None:
        texts = {text: float(truth) for text, truth in item.texts.items()}
        named = "".join(f", {text!r}" for text in list(item.texts)[:MOST_NAMED])
        missing = math.nan if item.missing.admitted else None
        types = frozenset({bool, str})
        super().__init__({False: 0.0, True: 1.0, **texts}, missing, types, f"wanted true, false{named}")
        self._folded = {text.casefold(): truth for text, truth in texts.items()}

    def _otherwise(self, place: int, cell: Any) -> float:
        text = cell.strip().casefold()
        if not text:
            return self._nothing(place)
        found = self._folded.get(text)
        return super()._otherwise(place, cell) if found is None else found


class Categories(Codes):
    """A category has its place; rare ones share the next, then come unseen ones, and missing the last."""

    def __init__(self, item: Categorical) -> None:
        count = len(item.categories)
        self.unseen = float(count + 1)
        codes: dict[Any, float] = {category: float(place) for place, category in enumerate(item.categories)}
        codes |= dict.fromkeys(item.rare, float(count))
        missing = float(count + 2) if item.missing.admitted else None
        types = NUMBERS if item.of_integers else frozenset({str})
        super().__init__(codes, missing, types, "wanted an integer" if item.of_integers else "wanted a text")

    def _otherwise(self, place: int, cell: Any) -> float:
        if isinstance(cell, str):
            text = cell.strip()
            return self.codes.get(text, self.unseen) if text else self._nothing(place)
        if isinstance(cell, int) or cell.is_integer():
            return self.unseen
        return super()._otherwise(place, cell)


def column(item: Input) -> Column:
    """Return how the cells of an input become numbers."""
    if isinstance(item, Numeric):
        return Numbers(item)
    return Truths(item) if isinstance(item, Boolean) else Categories(item)
