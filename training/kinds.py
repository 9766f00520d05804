"""What each column is: numbers, truths, categories, or nothing to learn from. Knows nothing of files."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from training import dates, identifiers, numerals
from training.coded import coded
from training.columns import MISSING, Categories, Column, Numbers, Truths
from training.labels import Indices
from training.schema import Asked
from training.target import WHOLE

PAIRS = ({"true", "false"}, {"yes", "no"}, {"t", "f"}, {"y", "n"})
"""Texts that are truths, if a column has both of a pair and nothing else."""
SPELLINGS = 2**4 + 2**5 + 1
"""Of true and false by case, and the empty text: a column of more texts is not of PAIRS."""
DIGITS = {"1", "0"}
"""As PAIRS, if asked."""
TRUE = ("true", "yes", "t", "y", "1")
FEW = range(3, 11)
"""Different whole numbers that may be names of categories as well."""
SHOWN = 40
"""Characters of a wrong cell that an error repeats."""
LARGEST = float(np.finfo(np.float32).max)

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Found:
    """What a column is, or None and why it is left out, and doubts."""

    column: Column | None
    reason: str = ""
    doubts: list[str] = field(default_factory=list)


class Finder:
    """What is the same for all columns of a table."""

    def __init__(
        self, y: Indices, there: NDArray[np.bool_], tokens: Sequence[str], decimal_comma: bool
    ) -> None:
        """`y` are the rows' classes, [rows], `there` says which rows of the file they are."""
        self._y, self._there, self._tokens, self._comma = y, there, tokens, decimal_comma

    def find(self, name: str, cells: pa.ChunkedArray, asked: Asked) -> Found:
        """Tell what a column is, by what was asked of it and else by its cells.

        Raises ValueError for a type that cannot be learnt from, for a cell that is not what the column is to
        be, or not finite in float32, and for a column that was asked for and has nothing to learn from.
        """
        if asked.leave_out:
            return Found(None, "as asked")
        found = self._typed(name, cells, asked)
        if found.column is None and (asked.keep or asked.kind):
            raise ValueError(f"asked for, but {found.reason}; --leave-out {shlex.quote(name)} leaves it out")
        return found

    def _typed(self, name: str, cells: pa.ChunkedArray, asked: Asked) -> Found:  # noqa: PLR0911 - one a type
        kind = cells.type
        if pa.types.is_dictionary(kind):
            return self._categories(name, _texts(cells), asked)
        if pa.types.is_null(kind) or cells.null_count == len(cells):
            return Found(None, "all missing")
        if pa.types.is_temporal(kind) and asked.kind != "categorical":
            return _dates(name)
        if pa.types.is_temporal(kind) or pa.types.is_string(kind):
            return self._text(name, _texts(cells), asked)
        if pa.types.is_boolean(kind):
            if asked.kind is None or asked.kind == "boolean":
                return _truths(name, _texts(cells))
            return self._text(name, _texts(cells), asked)
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
            flag = f"--leave-out {shlex.quote(name)}"
            raise ValueError(f"its type is {kind}, wanted numbers, truths or text; {flag} leaves it out")
        if pa.types.is_floating(kind) and pc.any(pc.is_nan(cells)).as_py():
            cells = pc.if_else(pc.is_nan(cells), None, cells)
        if asked.kind in {"categorical", "boolean"} or numerals.sentinels(self._tokens):
            return self._text(name, _texts(cells), asked)
        return self._numeric(name, numerals.of_numbers(cells), asked)

    def _text(self, name: str, texts: pa.ChunkedArray, asked: Asked) -> Found:
        flag = shlex.quote(name)
        numbers = numerals.read(texts, self._tokens, self._comma)
        if numbers is None and pc.all(pc.equal(numerals.without_tokens(texts, self._tokens)[0], "")).as_py():
            return Found(None, "all missing")
        if asked.kind == "categorical":
            return self._categories(name, texts if numbers is None else numbers.texts, asked)
        if asked.kind == "boolean":
            return _truths(name, texts)
        if numbers is None:
            return self._words(name, texts, asked)
        if asked.kind is None and numbers.leading_zeros:
            found = self._categories(name, numbers.texts, asked)
            doubt = (
                f"{name}: numbers with leading zeros are taken as text; --numeric {flag} takes the numbers"
            )
            return Found(found.column, found.reason, [doubt, *found.doubts])
        return self._numeric(name, numbers, asked)

    def _numeric(self, name: str, numbers: numerals.Numerals, asked: Asked) -> Found:
        values, flag = numbers.values, shlex.quote(name)
        least, most = np.fmin.reduce(values), np.fmax.reduce(values)
        if np.isnan(least):
            return Found(None, "all missing")
        if max(-least, most) > LARGEST:  # infinite too
            beyond = np.flatnonzero(np.abs(values) > LARGEST)
            self._refuse(numbers.texts, int(beyond[0]), "not finite in float32", name)
        if asked.kind is None and numbers.whole:
            left_out, doubts = self._whole(name, numbers, asked)
            if left_out:
                return left_out
        else:
            doubts = []
        if least == most and not numbers.gaps:
            return Found(None, f"the same in every row, {numbers.texts[0].as_py()}")
        if numbers.tokens:
            says = "cells count as missing for what they say; --missing tells which do"
            doubts.append(f"{name}: {numbers.tokens} {says}")
        if least < most and np.float32(least) == np.float32(most):
            says = "float32 does not tell its numbers apart; subtract the least"
            doubts.append(f"{name}: {says}, or --leave-out {flag}")
        if self._comma and numbers.written and self._thousands(numbers.texts):
            doubts.append(
                f"{name}: its points are taken as decimal marks; take them out if they part thousands"
            )
        return Found(Numbers(name, values.astype(np.float32)), "", doubts)

    def _whole(self, name: str, numbers: numerals.Numerals, asked: Asked) -> tuple[Found | None, list[str]]:
        """Return whether whole numbers are to be left out, else what is doubtful of them."""
        flag = shlex.quote(name)
        if asked.keep:
            return None, []
        distinct = numbers.distinct
        if distinct > 1 and numbers.all_match(dates.COMPACT):
            return _dates(name, f"; --numeric {flag} takes the numbers"), []
        reason = identifiers.reason(numbers.values, distinct, self._y)
        if reason in identifiers.CERTAIN:
            return Found(None, str(reason), [f"{name}: {reason}: left out; --keep {flag} keeps it"]), []
        if reason:
            return None, [f"{name}: {reason}, taken as numbers; --leave-out {flag} leaves it out"]
        if distinct in FEW:
            says = "different whole numbers, taken as numbers"
            return None, [f"{name}: {distinct} {says}; --categorical {flag} takes them as names"]
        return None, []

    def _words(self, name: str, texts: pa.ChunkedArray, asked: Asked) -> Found:
        words, codes = _coded(numerals.without_tokens(texts, self._tokens)[0])
        rows = np.bincount(codes[codes >= 0], minlength=len(words))
        dated = np.asarray(numerals.matches(words, dates.DATE))
        if asked.kind is None and rows[dated].sum() >= dates.SHARE * rows.sum():
            return _dates(name)
        wrong = numerals.first_wrong(words, codes, demanded=asked.kind == "numeric")
        if wrong is not None:
            self._refuse(texts, wrong, "not a number", name)
        spelled = pc.unique(texts)
        if len(spelled) <= SPELLINGS and {word.casefold() for word in spelled.to_pylist()} - {""} in PAIRS:
            return _truths(name, texts)
        return self._categories(name, texts, asked)

    def _categories(self, name: str, texts: pa.ChunkedArray, asked: Asked) -> Found:
        spelled, codes = _coded(texts)
        flag = shlex.quote(name)
        present = int((codes >= 0).sum())
        if not present:
            return Found(None, "all missing")
        if len(spelled) == 1 and present == len(codes):
            return Found(None, f"the same in every row, {spelled[0].as_py()!r:.{SHOWN}}")
        if not (asked.kind or asked.keep) and len(spelled) >= identifiers.NEARLY * present:
            reason = f"an identifier or free text: {len(spelled)} different texts in {present} rows"
            return Found(None, reason, [f"{name}: {reason}: left out; --keep {flag} keeps it"])
        words: list[str] = spelled.to_pylist()
        whole = [WHOLE.fullmatch(word) for word in words]
        cells: list[Any] = words
        if (
            asked.kind == "categorical"
            and all(whole)
            and not pc.any(numerals.matches(spelled, numerals.LEADING_ZERO)).as_py()
        ):
            cells = [int(found[1]) for found in whole if found]
        distinct = tuple(sorted(set(cells)))
        place = {cell: index for index, cell in enumerate(distinct)}
        places = np.array([*(place[cell] for cell in cells), MISSING], np.int32)
        return Found(Categories(name, distinct, places[codes]))

    def _thousands(self, texts: pa.ChunkedArray) -> bool:
        pointed = texts.filter(pc.match_substring(texts, "."))
        return bool(len(pointed)) and pc.all(numerals.matches(pointed, numerals.POINT_GROUPS)).as_py()

    def _refuse(self, texts: pa.ChunkedArray, row: int, why: str, name: str) -> None:
        cell, flag = texts[row].as_py(), shlex.quote(name)
        hint = numerals.hint(cell, self._comma)
        if why == "not a number" and not hint:
            hint = f"; --missing {shlex.quote(cell[:SHOWN])} takes it as missing"
            hint += f", --categorical {flag} the column as text"
        elif hint:
            hint += f"; --categorical {flag} takes the column as text"
        raise ValueError(f"row {np.flatnonzero(self._there)[row] + 1}: {repr(cell)[:SHOWN]} is {why}{hint}")


def _texts(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.coalesce(pc.cast(cells, pa.string()), pa.scalar(""))


def _coded(texts: pa.ChunkedArray) -> tuple[pa.Array, NDArray[np.int32]]:
    """Return the distinct texts and each row's place among them, MISSING where it is empty."""
    chunks = [pc.if_else(pc.equal(chunk, ""), None, chunk) for chunk in texts.chunks]
    return coded(pa.chunked_array(chunks, pa.string()))


def _dates(name: str, otherwise: str = "") -> Found:
    return Found(None, "dates", [f"{name}: dates are left out; {dates.DERIVE}{otherwise}"])


def _truths(name: str, texts: pa.ChunkedArray) -> Found:
    spelled, codes = _coded(texts)
    words: list[str] = spelled.to_pylist()
    folded = {word.casefold() for word in words}
    if len(folded) == 1 and (codes >= 0).all():
        return Found(None, f"the same in every row, {words[0]!r:.{SHOWN}}")
    if not any(folded <= pair for pair in (*PAIRS, DIGITS)):
        wrong = next((word for word in words if word.casefold() not in set().union(*PAIRS, DIGITS)), words[0])
        raise ValueError(
            f"{wrong!r:.{SHOWN}} is not boolean; wanted true and false, yes and no, t and f, y and n"
        )
    truths = {word: word.casefold() in TRUE for word in sorted(words)}
    places = np.array([*(truths[word] for word in words), MISSING], np.int8)
    return Found(Truths(name, places[codes], truths))
