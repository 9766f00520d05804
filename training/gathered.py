"""Rows of cells by name, gathered into Arrow columns. Knows nothing of where they come from."""

from collections.abc import Mapping, Sequence

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from training.lines import Cell

BLOCK_ROWS = 4096
"""Rows that wait as Python objects, of ten times the size."""
NUMBERS = {pa.int64(), pa.float64()}


class Columns:
    """The union of the rows' columns; a cell that a row does not have is missing."""

    def __init__(self) -> None:
        self._rows = 0
        self._chunks: dict[str, list[pa.Array]] = {}
        self._waiting: list[Mapping[str, Cell]] = []

    def add(self, row: Mapping[str, Cell]) -> None:
        """Take the next row."""
        self._waiting.append(row)
        if len(self._waiting) == BLOCK_ROWS:
            self._settle()

    def end(self, first: Sequence[str]) -> dict[str, pa.ChunkedArray]:
        """Return the columns, each of one type; those of `first` in that order, and then as they came.

        Text loses surrounding blanks. A column of several types is text, but whole and other numbers are
        numbers.
        """
        self._settle()
        names = dict.fromkeys([*(name for name in first if name in self._chunks), *self._chunks])
        return {name: _joined(self._chunks[name]) for name in names}

    def _settle(self) -> None:
        rows = self._waiting
        for name in dict.fromkeys(name for row in rows for name in row):
            if name not in self._chunks:
                self._chunks[name] = [pa.nulls(self._rows)]
        for name, chunks in self._chunks.items():
            chunks.append(_array([row.get(name) for row in rows]))
        self._rows += len(rows)
        self._waiting = []


def _array(cells: list[Cell]) -> pa.Array:
    kinds = {type(cell) for cell in cells if cell is not None}
    if len(kinds) <= 1 or kinds == {int, float}:
        try:
            found = pa.array(cells)
        except (pa.ArrowInvalid, OverflowError):  # whole numbers of more than 64 bits, or of 53 among others
            pass
        else:
            return pc.utf8_trim_whitespace(found) if kinds == {str} else found
    texts = [_text(cell) for cell in cells]
    return pc.utf8_trim_whitespace(pa.array(texts, pa.string()))


def _text(cell: Cell) -> str | None:
    return cell if cell is None or isinstance(cell, str) else msgspec.json.encode(cell).decode()


def _joined(chunks: list[pa.Array]) -> pa.ChunkedArray:
    kinds = {chunk.type for chunk in chunks} - {pa.null()}
    if len(kinds) > 1:
        kinds = {pa.float64()} if kinds <= NUMBERS else {pa.string()}
    [kind] = kinds or {pa.null()}
    return pa.chunked_array([pc.cast(chunk, kind, safe=False) for chunk in chunks], kind)
