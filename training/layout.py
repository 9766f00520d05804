"""The layout of a text file: its separator, and its rows by number. Knows nothing of bytes or of cells."""

import csv
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import islice

SEPARATORS = ",;\t|"
SAMPLE_BYTES, SAMPLE_ROWS = 1 << 20, 50
"""What of a file's beginning is looked at to tell its separator; the bytes bound a file of one long line."""
SAID = re.compile(rb'"?sep=(.)"?[ \t]*(\r\n|\r|\n|$)', re.IGNORECASE)
"""The first line by which Excel is told a separator."""
LONG_CELL = 1 << 30


def begins(sample: bytes, target: str) -> tuple[int, str]:
    """Return how many bytes of a text, which begins so, are a line `sep=`, and what separates its cells."""
    said = SAID.match(sample)
    return (said.end(), said[1].decode()) if said else (0, separator(sample, target))


def separator(text: bytes, target: str) -> str:
    """Return what separates the cells of a text that begins so.

    Of SEPARATORS the one whose header has the target, then whose rows are most often as wide as it, then
    which gives the most columns. Quoted cells count as one, whatever they hold.
    """
    sample = text.decode(errors="replace")

    def fit(candidate: str) -> tuple[bool, float, int]:
        found: list[list[str]] = []
        with suppress(csv.Error):  # at a cell that is longer than the module takes
            cut = csv.reader(io.StringIO(sample, newline=""), delimiter=candidate)
            found.extend(row for row in islice(cut, SAMPLE_ROWS) if row)
        if not found or len(found[0]) == 1:
            return False, 0, 1
        header, *rows = found
        alike = sum(len(row) == len(header) for row in rows) / max(len(rows), 1)
        return target in (name.strip() for name in header), alike, len(header)

    return max(SEPARATORS, key=fit)  # the first of equals, a comma


def ragged(text: io.BufferedReader, delimiter: str) -> str | None:
    """Say which row is the first that has not as many cells as the header, if there is one."""
    with _rows(text, delimiter) as (rows, _):
        width = len(next(rows, []))
        for number, row in enumerate(rows, 1):
            if len(row) != width:
                return f"row {number} has {len(row)} cells, the header {width}"
    return None


def last_row(text: io.BufferedReader, delimiter: str) -> str:
    """Name the row in which a text ends: a file's text up to what is wrong in it."""
    with _rows(text, delimiter) as (rows, line):
        number = sum(1 for _ in rows) - (not line[-1].endswith(("\n", "\r")))
    return f"row {number}" if number > 0 else "the header"


@contextmanager
def _rows(text: io.BufferedReader, delimiter: str) -> Iterator[tuple[Iterator[list[str]], list[str]]]:
    """Give the rows of a text, however long their cells, and the line that is read; empty lines are none."""
    before = csv.field_size_limit(LONG_CELL)
    line = [""]

    def lines() -> Iterator[str]:
        for line[0] in io.TextIOWrapper(text, "utf-8", errors="replace", newline=""):
            yield line[0]

    try:
        yield (row for row in csv.reader(lines(), delimiter=delimiter) if row), line
    finally:
        csv.field_size_limit(before)
