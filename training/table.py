"""Read one CSV or Parquet file into numbers and labels. Knows nothing of what is learnt from them."""

import csv as text_csv
import gzip
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import csv, parquet

from training.errors import DataError

NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
DECIMAL_COMMA = r"[+-]?[0-9]+,[0-9]+"
SEPARATORS = ",;\t|"
LOOKED_AT = 50  # lines from which the separator is told
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
        table = reader(path)
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


def _read_csv(path: Path) -> pa.Table:
    # All cells as text: Arrow infers a type from a file's first block only, and would fail on a later one.
    layout = csv.ParseOptions(delimiter=_separator(path), newlines_in_values=True)
    with csv.open_csv(path, parse_options=layout) as stream:
        names = stream.schema.names
    texts = csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()))
    return csv.read_csv(path, parse_options=layout, convert_options=texts)


def _separator(path: Path) -> str:
    """Return what separates the cells: of SEPARATORS what cuts the first lines alike, into the most."""
    opened = gzip.open if path.name.lower().endswith(".gz") else open
    with opened(path, "rt", encoding="utf-8-sig", errors="replace", newline="") as file:
        lines = list(islice(file, LOOKED_AT))
    best, most = SEPARATORS[0], 1
    for separator in SEPARATORS:
        widths = {len(row) for row in text_csv.reader(lines, delimiter=separator) if row}
        if len(widths) == 1 and (width := widths.pop()) > most:
            best, most = separator, width
    return best


def _read_parquet(path: Path) -> pa.Table:
    # One file, not a data set: the name of its folder must not add columns.
    return parquet.ParquetFile(path).read()


READERS: dict[str, Callable[[Path], pa.Table]] = {
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
        comma = isinstance(value, str) and re.fullmatch(DECIMAL_COMMA, value)
        hint = "; the decimal mark that is read is a point" if comma else ""
        raise ValueError(f"row {rows[0] + 1}: {repr(value)[:SHOWN]} is {why}{hint}")
