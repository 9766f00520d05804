"""Read one CSV or Parquet file into numbers and labels. Knows nothing of what is learnt from them."""

import csv as text_csv
import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import csv, parquet

from training.errors import DataError

NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
WITH_COMMA = r"[+-]?[0-9.,]*,[0-9.,]*"
SEPARATORS = ",;\t|"
SAMPLE_BYTES, SAMPLE_ROWS = 1 << 20, 50
"""What of a file's beginning is looked at to tell its separator; the bytes bound a file of one long line."""
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
SHOWN = 40  # characters of a wrong cell that an error repeats


def read(path: Path, target: str) -> tuple[tuple[str, ...], NDArray[np.float32], list[str]]:
    """Read the inputs' names, their values, float32 [rows, inputs], and each row's label as text.

    float32, because that is what the service will get. Column names, labels and CSV cells lose surrounding
    blanks. Raises DataError for a file that is missing or not readable as what its suffix says, for a header
    with empty or equal names or without the target, and for the first cell that is not a finite number or
    not a label; rows count from 1 below the header.
    """
    with _naming(str(path)):
        if not path.is_file():
            raise ValueError("no such file")
        reader = READERS.get(Path(path.name.lower().removesuffix(".gz")).suffix)
        if reader is None:
            raise ValueError(f"unknown format, wanted {' or '.join(READERS)}")
        table = reader(path, target)
        names = [name.strip() for name in table.column_names]
        _check_header(names, target)
        if not table.num_rows:
            raise ValueError("no rows below the header")
    inputs = tuple(name for name in names if name != target)
    x = np.empty((table.num_rows, len(inputs)), np.float32)
    for index, name in enumerate(inputs):
        with _naming(f"{path}: column {name!r}"):
            x[:, index] = _numbers(table.column(names.index(name)))
    with _naming(f"{path}: target {target!r}"):
        labels = _labels(table.column(names.index(target)))
    return inputs, x, labels


def _read_csv(path: Path, target: str) -> pa.Table:
    with _open(path) as file:
        sample = file.read(SAMPLE_BYTES)
    _check_text(sample)
    layout = csv.ParseOptions(delimiter=_separator(sample, target), newlines_in_values=True)
    try:
        with _open(path) as file, csv.open_csv(file, parse_options=layout) as stream:
            names = stream.schema.names
        # All cells as text: Arrow infers a type from a file's first block only, and fails on a later one.
        texts = csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()))
        with _open(path) as file:
            return csv.read_csv(file, parse_options=layout, convert_options=texts)
    except (pa.ArrowInvalid, UnicodeDecodeError):
        _check_utf8(path)
        raise


def _open(path: Path) -> pa.NativeFile:
    return pa.input_stream(path, compression="gzip" if path.suffix.lower() == ".gz" else None)


def _check_text(sample: bytes) -> None:
    if sample.startswith(UTF_16):
        raise ValueError("text in UTF-16, wanted UTF-8")
    if b"\0" in sample:
        line = sample.count(b"\n", 0, sample.index(b"\0")) + 1
        raise ValueError(f"line {line} has a NUL byte, wanted text in UTF-8")


def _check_utf8(path: Path) -> None:
    """Name the first line that is not UTF-8, which Arrow does not."""
    with _open(path) as file:
        for number, line in enumerate(io.BufferedReader(file), 1):
            try:
                line.decode()
            except UnicodeDecodeError as error:
                byte = line[error.start]
                raise ValueError(f"line {number} has the byte 0x{byte:02x}, wanted text in UTF-8") from None


def _separator(sample: bytes, target: str) -> str:
    """Return what separates the cells of a file that begins so.

    Of SEPARATORS the one whose header has the target, then whose rows are most often as wide as it, then
    which gives the most columns. Quoted cells count as one, whatever they hold.
    """
    text = sample.decode("utf-8-sig", errors="replace")

    def fit(separator: str) -> tuple[bool, float, int]:
        found: list[list[str]] = []
        with suppress(text_csv.Error):  # at a cell that is longer than the module takes
            cut = text_csv.reader(io.StringIO(text, newline=""), delimiter=separator)
            found.extend(row for row in islice(cut, SAMPLE_ROWS) if row)
        if not found or len(found[0]) == 1:
            return False, 0, 1
        header, *rows = found
        alike = sum(len(row) == len(header) for row in rows) / max(len(rows), 1)
        return target in (name.strip() for name in header), alike, len(header)

    return max(SEPARATORS, key=fit)  # the first of equals, a comma


def _read_parquet(path: Path, _: str) -> pa.Table:
    # One file, not a data set: the name of its folder must not add columns.
    return parquet.ParquetFile(path).read()


READERS: dict[str, Callable[[Path, str], pa.Table]] = {
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".parquet": _read_parquet,
}


@contextmanager
def _naming(place: str) -> Iterator[None]:
    """Turn Arrow's errors, the system's and this module's into a DataError that begins with the place."""
    try:
        yield
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(f"{place}: {error}") from error


def _check_header(names: list[str], target: str) -> None:
    if target not in names:
        raise ValueError(f"no column {target!r}, it has {', '.join(names)}")
    if "" in names:
        place = names.index("") + 1
        hint = (
            "; pandas writes its index so, and leaves it out with to_csv(…, index=False)"
            if place == 1
            else ""
        )
        raise ValueError(f"column {place} has no name{hint}")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"two columns are named {twice!r}")
    if len(names) == 1:
        raise ValueError(f"no column beside the target {target!r}")


def _numbers(column: pa.ChunkedArray) -> NDArray[np.float32]:
    kind = column.type
    if pa.types.is_string(kind):
        column = pc.utf8_trim_whitespace(column)
        numeric = pc.match_substring_regex(column, NUMBER)
        _refuse(pc.invert(pc.fill_null(numeric, fill_value=False)), column, "not a number")
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        raise ValueError(f"not numeric but {kind}")
    _refuse(pc.is_null(column), column, "not a number")
    with np.errstate(over="ignore"):  # past float32 becomes infinite, and is refused as that
        values: NDArray[np.float32] = pc.cast(column, pa.float64(), safe=False).to_numpy().astype(np.float32)
    _refuse(~np.isfinite(values), column, "not finite in float32")
    return values


def _labels(column: pa.ChunkedArray) -> list[str]:
    labels = pc.utf8_trim_whitespace(pc.cast(column, pa.string()))
    _refuse(pc.fill_null(pc.equal(labels, ""), fill_value=True), column, "not a label")
    texts: list[str] = labels.to_pylist()
    return texts


def _refuse(bad: pa.ChunkedArray | NDArray[np.bool_], column: pa.ChunkedArray, why: str) -> None:
    rows = np.flatnonzero(np.asarray(bad))
    if len(rows):
        value = column[int(rows[0])].as_py()
        comma = isinstance(value, str) and re.fullmatch(WITH_COMMA, value)
        hint = "; the decimal mark is a point, and nothing stands between thousands" if comma else ""
        raise ValueError(f"row {rows[0] + 1}: {repr(value)[:SHOWN]} is {why}{hint}")
