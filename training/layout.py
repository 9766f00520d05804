"""The layout of a text file: its encoding, its separator, its first broken row. Knows nothing of cells."""

import codecs
import csv
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import islice

SEPARATORS = ",;\t|"
SAMPLE_BYTES, SAMPLE_ROWS = 1 << 20, 50
"""What of a file's beginning is looked at to tell its separator; the bytes bound a file of one long line."""
UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
SAID = re.compile(rb'"?sep=(.)"?[ \t]*(\r\n|\r|\n|$)', re.IGNORECASE)
"""The first line by which Excel is told a separator."""
WORKBOOK = b"PK\x03\x04"
LONG_CELL = 1 << 30


def to_utf8(raw: bytes, encoding: str, target: str) -> tuple[bytes, str]:
    """Return a file's text as UTF-8 without a mark or a line `sep=`, and what separates its cells.

    UTF-16 with a mark is known by it. Raises ValueError for an unknown encoding, and for the first row with
    a byte that is not of the encoding, or with a NUL byte.
    """
    try:
        "".encode(encoding)  # which, unlike lookup, knows which are of text
    except LookupError:
        raise ValueError(
            f"--encoding {encoding}: no such encoding; utf-8, utf-16, latin-1, cp1252?"
        ) from None
    if raw.startswith(WORKBOOK):
        raise ValueError("this is a workbook or a ZIP file, wanted text: save it as CSV")
    unicode = codecs.lookup(encoding).name == "utf-8"
    if unicode and raw.startswith(UTF_16):
        encoding, unicode = "utf-16", False
    text = raw.removeprefix(codecs.BOM_UTF8) if unicode else raw
    try:
        if unicode:
            codecs.utf_8_decode(text, "strict", True)
        else:
            text = raw.decode(encoding).removeprefix("\ufeff").encode()
    except UnicodeDecodeError as error:
        before = text[: error.start].decode(encoding, errors="replace").encode()
        wrong = text[error.start]
        raise ValueError(
            f"{_last_row(before, target)} has the byte 0x{wrong:02x}, which is not {encoding}; "
            "--encoding tells another, latin-1 or cp1252 for example"
        ) from None
    if b"\0" in text:
        before = text[: text.index(b"\0")]
        hint = "; if the file is UTF-16, --encoding utf-16-le says so" if len(before) <= 1 else ""
        raise ValueError(f"{_last_row(before, target)} has a NUL byte, wanted text{hint}")
    said = SAID.match(text)
    return (text[said.end() :], said[1].decode()) if said else (text, separator(text, target))


def separator(text: bytes, target: str) -> str:
    """Return what separates the cells of a text that begins so.

    Of SEPARATORS the one whose header has the target, then whose rows are most often as wide as it, then
    which gives the most columns. Quoted cells count as one, whatever they hold.
    """
    sample = text[:SAMPLE_BYTES].decode(errors="replace")

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


def ragged(text: bytes, delimiter: str) -> str | None:
    """Say which row is the first that has not as many cells as the header, if there is one."""
    with _rows(text, delimiter) as rows:
        width = len(next(rows, []))
        for number, row in enumerate(rows, 1):
            if len(row) != width:
                return f"row {number} has {len(row)} cells, the header {width}"
    return None


def _last_row(text: bytes, target: str) -> str:
    """Name the row in which a text ends: a file's text up to what is wrong in it."""
    said = SAID.match(text)
    with _rows(text[said.end() if said else 0 :], separator(text, target)) as rows:
        number = sum(1 for _ in rows) - (not text.endswith((b"\n", b"\r")))
    return f"row {number}" if number > 0 else "the header"


@contextmanager
def _rows(text: bytes, delimiter: str) -> Iterator[Iterator[list[str]]]:
    """Give the rows of a text, however long their cells; empty lines are none."""
    before = csv.field_size_limit(LONG_CELL)
    try:
        cut = csv.reader(io.StringIO(text.decode(errors="replace"), newline=""), delimiter=delimiter)
        yield (row for row in cut if row)
    finally:
        csv.field_size_limit(before)
