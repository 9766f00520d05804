"""Text that is numbers, and text that nearly is. Knows nothing of columns' names, flags or kinds."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from training.blocks import blocks

NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
NEARLY = 0.9
"""The share of a column's cells that must be numbers for the others to be faults and not categories."""
HALF = 0.5
_MONEY = (
    r"(?:(?:[A-Z]{1,3})?\p{Sc}|EUR|USD|GBP|CHF|JPY|CNY|INR|SEK|NOK|DKK|PLN|CZK|HUF|RON|TRY|BRL|MXN|ZAR|AUD|CAD|NZD"
    r"|Rs\.?|kr\.?|zł|Kč|Ft)"
)
_SIGN = r"[+\-\x{2212}]?"
_GROUPED = r"[0-9]{1,3}(?:(?:,[0-9]{2,3})*,[0-9]{3}|(?:[.'\x{2019}_ \x{A0}\x{202F}][0-9]{3})+)(?:[.,][0-9]+)?"
LIKE = (
    rf"^\(?{_SIGN}\s*{_MONEY}?\s*{_SIGN}(?:{_GROUPED}|[0-9]+[.,]?[0-9]*|[.,][0-9]+)(?:[eE]{_SIGN}[0-9]+)?"
    rf"\s*(?:[%‰]|{_MONEY})?\s*-?\)?$"
)
"""A number as people write it: with a currency, a percent sign, thousands apart, or a comma for the point."""
MEASURE = (
    r"^[+-]?[0-9]+([.,][0-9]+)?\s*(kg|mg|g|km|cm|mm|m|lbs?|oz|ft|°C|°F|hrs?|h|min|ms|s|days?|d|years?|yrs?|yr"
    r"|[kKMGT]|[kMGT]B|px|kWh|kW|W|V|Hz|ml|l|L)$"
)
"""A number with its unit."""
MANY = 50
"""So many different numbers are no categories, though half of the cells are text."""
FEW = 10
"""So many different measures may be names: of packs of 5 kg and of 10 kg."""
_FINITE = re.compile(NUMBER)
LEADING_ZERO = r"^[+-]?0[0-9]+$"
COMMA = r"^[+-]?[0-9]*,[0-9]*([eE][+-]?[0-9]+)?$"
POINT_GROUPS = r"^[+-]?[0-9]{1,3}(\.[0-9]{3})+$"

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Numerals:
    """The values of a column, NaN where missing, and its cells: numbers, or texts, "" where missing.

    `tokens` counts the cells that are missing for what they say.
    """

    values: Floats
    cells: pa.ChunkedArray
    tokens: int = 0

    @property
    def texts(self) -> pa.ChunkedArray:
        """The cells as text, "" where missing."""
        return self.cells if self.written else pc.coalesce(pc.cast(self.cells, pa.string()), pa.scalar(""))

    @property
    def written(self) -> bool:
        """Whether the cells are text."""
        return bool(pa.types.is_string(self.cells.type))

    @property
    def gaps(self) -> bool:
        """Whether any cell is missing."""
        return any(np.isnan(self.values[block]).any() for block in blocks(len(self.values)))

    @property
    def whole(self) -> bool:
        """Whether all numbers are whole."""
        parts = (self.values[block] for block in blocks(len(self.values)))  # most are told by the first
        return all(((part == np.floor(part)) | np.isnan(part)).all() for part in parts)

    @property
    def distinct(self) -> int:
        """How many different numbers there are, as they are written."""
        found: int = pc.count_distinct(self.cells).as_py()
        return found - (self.written and self.gaps)

    @property
    def leading_zeros(self) -> bool:
        """Whether any number is written with a zero before its first digit and nothing but digits."""
        start = 0
        for chunk in self.cells.chunks:
            values = self.values[start : start + len(chunk)]
            start += len(chunk)
            # To look at whole numbers alone spares most columns the search.
            if pc.any(matches(chunk.filter(pa.array(values == np.floor(values))), LEADING_ZERO)).as_py():
                return True
        return False

    def all_match(self, pattern: str) -> bool:
        """Tell whether every number, as it is written, matches."""
        parts = (Numerals(self.values, pa.chunked_array([chunk])).texts for chunk in self.cells.chunks)
        return all(pc.all(pc.or_(matches(each, pattern), pc.equal(each, ""))).as_py() for each in parts)


def of_numbers(cells: pa.ChunkedArray) -> Numerals:
    """Return a column of Arrow's numbers, where NaN is missing too."""
    values, start = np.empty(len(cells)), 0
    for chunk in cells.chunks:
        found = pc.cast(chunk, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        values[start : start + len(found)] = found
        start += len(found)
    return Numerals(values, cells)


def matches(texts: pa.ChunkedArray, pattern: str) -> pa.ChunkedArray:
    """Return where a text matches, bool [rows]."""
    return pc.match_substring_regex(texts, pattern)


def sentinels(tokens: Sequence[str]) -> list[str]:
    """Return the tokens that are numbers, such as -999, and mean a missing one all the same."""
    return [token for token in tokens if _FINITE.fullmatch(token.strip())]


def without_tokens(texts: pa.ChunkedArray, tokens: Sequence[str]) -> tuple[pa.ChunkedArray, int]:
    """Return texts with "" for each cell that is one of the tokens in any case, and how many there are."""
    known = pa.array(sorted({token.strip().lower() for token in tokens}), pa.string())
    missing = pc.is_in(pc.utf8_lower(texts), known)
    count = pc.sum(missing).as_py() or 0
    return (pc.if_else(missing, "", texts), count) if count else (texts, 0)


def read(texts: pa.ChunkedArray, tokens: Sequence[str], decimal_comma: bool) -> Numerals | None:
    """Read a column of texts, "" where missing, that is all numbers; None if it is not, or all missing.

    A comma is the decimal mark where it may be, and no cell of the column has a point.
    """
    values = None if sentinels(tokens) else _cast(texts)
    if values is not None and np.isnan(values).sum() == pc.sum(pc.equal(texts, "")).as_py():
        return None if np.isnan(values).all() else Numerals(values, texts)
    left, count = without_tokens(texts, [*tokens, "nan"])
    if pc.all(pc.equal(left, "")).as_py():
        return None
    if decimal_comma and not pc.any(pc.match_substring(left, ".")).as_py():
        as_point = pc.if_else(matches(left, COMMA), pc.replace_substring(left, ",", "."), left)
        values = _cast(as_point)
    else:
        values = _cast(left)
    return None if values is None else Numerals(values, left, count)


def _cast(texts: pa.ChunkedArray) -> Floats | None:
    values, start = np.empty(len(texts)), 0
    for chunk in texts.chunks:  # a copy of all texts would be larger than the numbers
        try:
            found = pc.cast(pc.if_else(pc.equal(chunk, ""), None, chunk), pa.float64())
        except pa.ArrowInvalid:
            return None
        values[start : start + len(chunk)] = found.to_numpy(zero_copy_only=False)
        start += len(chunk)
    return values


def first_wrong(words: pa.Array, codes: NDArray[np.int32], demanded: bool) -> int | None:
    """Return the first row that is no number of a column that is to be numbers, or None if it is text.

    It is to be numbers when that is demanded, or when at least NEARLY of its cells are numbers or numbers as
    people write them (LIKE; a MEASURE too, if more than FEW differ), or half of them and more than MANY
    differ: to take such a column as text would make a category of each number. `codes`, [rows], are the
    places of the cells in `words`, below 0 where one is missing.
    """
    number = np.asarray(matches(words, NUMBER))
    like = number | np.asarray(matches(words, LIKE))
    measure = np.asarray(matches(words, MEASURE))
    if measure.sum() > FEW:
        like |= measure
    present = codes >= 0
    share = like[codes[present]].mean()
    if not demanded and share < NEARLY and (share < HALF or like.sum() <= MANY):
        return None
    wrong = np.flatnonzero(present & ~number[codes])
    return int(wrong[0]) if len(wrong) else None


def hint(cell: str, decimal_comma: bool) -> str:
    """Say what a number as people write it should be; "" if the cell is not even that."""
    if pc.match_substring_regex(pa.scalar(cell), MEASURE).as_py():
        return "; write a measure without its unit, which --units takes"
    if not pc.match_substring_regex(pa.scalar(cell), LIKE).as_py():
        return ""
    bare = re.sub(r"[^0-9.,%‰]", "", cell)
    if "%" in bare or "‰" in bare:
        return "; write a share as a number, without a percent sign"
    if pc.match_substring_regex(pa.scalar(cell), _MONEY).as_py():
        return "; write an amount without its currency"
    if decimal_comma:
        return "; a column has one decimal mark, comma or point, and nothing stands between thousands"
    return "; the decimal mark is a point, and nothing stands between thousands"
