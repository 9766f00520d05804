"""Read one file into an Arrow table of trimmed text or typed columns. Knows nothing of what a column is."""

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv, parquet

from models.record import LeftOut
from training import layout
from training.errors import DataError, reason

TEXT = (".csv", ".tsv", ".txt")
COMPRESSED = {".gz": "gzip", ".zst": "zstd"}
PARQUET = ".parquet"
BLOCK_BYTES = 1 << 24
"""The longest row that is read for sure."""
NAMED = 20
"""Columns that an error names, the nearest."""


@dataclass(frozen=True)
class Table:
    """Columns by name, and what was left out for its header alone.

    A column of text is of Arrow's string type, a dictionary of it where the file says that it is categories.
    `decimal_comma` says whether the file is one in which a comma may be the decimal mark.
    """

    columns: dict[str, pa.ChunkedArray]
    left_out: tuple[LeftOut, ...]
    decimal_comma: bool


@contextmanager
def naming(place: str) -> Iterator[None]:
    """Turn Arrow's errors, the system's and ValueError into a DataError that begins with the place."""
    try:
        yield
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(f"{place}: {reason(error)}") from error


def read(path: Path, target: str, encoding: str) -> Table:
    """Read a text file, a Parquet file or a folder of Parquet files, with all rows and columns.

    Names and cells of text lose surrounding blanks. Raises DataError for a file that is missing, not
    readable as what its suffix says, without rows or without the target, and for a header with names that are
    equal or empty; but empty columns without a name and an index that pandas wrote are left out. Rows count
    from 1 below the header.
    """
    with naming(str(path)):
        bare = Path(path.name.lower())
        suffix = Path(bare.stem).suffix if bare.suffix in COMPRESSED else bare.suffix
        if path.is_dir():
            table, delimiter = _read_folder(path), ""
        elif not path.is_file():
            raise ValueError("no such file")
        elif bare.suffix == PARQUET:
            table, delimiter = _read_parquet(path), ""
        elif suffix in TEXT:
            table, delimiter = _read_text(path, target, encoding)
        else:
            wanted = ", ".join((*TEXT, PARQUET))
            raise ValueError(f"unknown format, wanted {wanted}, or .gz or .zst of a text")
        names = [name.strip() for name in table.column_names]
        _check_header(names, target)
        if not table.num_rows:
            raise ValueError("no rows below the header")
        columns, left_out = _named(names, [_trimmed(column) for column in table.columns])
        return Table(columns, left_out, delimiter == ";")


def _read_text(path: Path, target: str, encoding: str) -> tuple[pa.Table, str]:
    with pa.input_stream(path, compression=COMPRESSED.get(path.suffix.lower())) as file:
        raw = file.read()
    text, delimiter = layout.to_utf8(raw, encoding, target)
    if not text.strip():
        raise ValueError("the file is empty")
    text = text if text.endswith((b"\n", b"\r")) else text + b"\n"  # or Arrow calls a bare header empty
    parsing = csv.ParseOptions(delimiter=delimiter, newlines_in_values=True)
    reading = csv.ReadOptions(block_size=BLOCK_BYTES)
    try:
        with csv.open_csv(pa.BufferReader(text), parse_options=parsing, read_options=reading) as stream:
            names = stream.schema.names
        # All cells as text: Arrow infers a type from a file's first block only, and fails on a later one.
        texts = csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()))
        table = csv.read_csv(pa.BufferReader(text), reading, parsing, texts)
    except pa.ArrowInvalid:
        if broken := layout.ragged(text, delimiter):
            raise ValueError(broken) from None
        raise
    return table, delimiter


def _read_parquet(path: Path) -> pa.Table:
    # One file, not a data set: the name of its folder must not add columns.
    with parquet.ParquetFile(path) as file:
        return file.read()


def _read_folder(path: Path) -> pa.Table:
    found = (each for each in path.rglob("*") if each.suffix.lower() == PARQUET and each.is_file())
    files = sorted(each for each in found if not each.name.startswith((".", "_")))
    if not files:
        raise ValueError(f"no {PARQUET} file in the folder")
    schema, tables = folder_schema(path, files), []
    for each in files:
        with naming(f"{path}: {each.relative_to(path)}"):
            tables.append(_read_parquet(each).select(schema.names).cast(schema))
    return pa.concat_tables(tables)


def folder_schema(root: Path, files: Iterable[Path]) -> pa.Schema:
    """Return the columns that the parts of a folder have, in the first one's order, each in a type for all.

    Reads no rows. Raises DataError that names the part, and the column that it lacks, has beyond the first
    one or has in a type that does not go with an earlier part's.
    """
    joined: dict[str, tuple[pa.DataType, Path]] = {}
    first = None
    for file in files:
        part = file.relative_to(root)
        with naming(f"{root}: {part}"):
            own = pa.unify_schemas([parquet.read_schema(file)])  # refuses two columns of one name
            if first is None:
                first, joined = part, {field.name: (field.type, part) for field in own}
            if other := sorted(joined.keys() ^ set(own.names)):
                lacks = other[0] in joined
                says = f"column {other[0]!r}, which {first} has"
                raise ValueError(f"no {says}" if lacks else f"{says} not")
            for name, kind in zip(own.names, own.types, strict=True):
                before, where = joined[name]
                try:
                    common = _common(before, kind)
                except pa.ArrowException:
                    raise ValueError(f"column {name!r} is {kind}, in {where} it is {before}") from None
                joined[name] = common, where if common == before else part
    return pa.schema([(name, kind) for name, (kind, _) in joined.items()])


def _common(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    """Return the type that takes both; with text, categories are text. Raises ArrowException."""
    if one == other:
        return one
    if pa.types.is_dictionary(one) != pa.types.is_dictionary(other) and pa.null() not in {one, other}:
        one, other = (each.value_type if pa.types.is_dictionary(each) else each for each in (one, other))
    return pa.unify_schemas(
        [pa.schema([("", each)]) for each in (one, other)], promote_options="permissive"
    ).types[0]


def _check_header(names: list[str], target: str) -> None:
    named = [name for name in names if name]
    if target not in named:
        near = difflib.get_close_matches(target, named, NAMED, 0)
        raise ValueError(f"no column {target!r}, it has {', '.join(named if len(named) <= NAMED else near)}")
    if len(set(named)) < len(named):
        twice = next(name for name in named if named.count(name) > 1)
        raise ValueError(f"two columns are named {twice!r}")
    if len(names) == 1:
        raise ValueError(f"no column beside the target {target!r}")


def _trimmed(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type
    if pa.types.is_dictionary(kind):
        cells = _trimmed(pc.cast(column, kind.value_type))
        return cells.dictionary_encode() if pa.types.is_string(cells.type) else cells
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        column = pc.cast(column, pa.string())
    return pc.utf8_trim_whitespace(column) if pa.types.is_string(column.type) else column


def _named(
    names: list[str], columns: list[pa.ChunkedArray]
) -> tuple[dict[str, pa.ChunkedArray], tuple[LeftOut, ...]]:
    """Leave out the columns without a name that hold nothing of use; they get the name that pandas gives."""
    kept, left_out = {}, []
    for place, (name, column) in enumerate(zip(names, columns, strict=True)):
        if name:
            kept[name] = column
        elif _is_empty(column):
            left_out.append(LeftOut(column=f"Unnamed: {place}", reason="no name and no cell"))
        elif place == 0 and _is_index(column):
            left_out.append(LeftOut(column=f"Unnamed: {place}", reason="the index that pandas writes"))
        else:
            hint = "; pandas leaves its index out with to_csv(…, index=False)" if place == 0 else ""
            raise ValueError(f"column {place + 1} has no name{hint}")
    return kept, tuple(left_out)


def _is_empty(column: pa.ChunkedArray) -> bool:
    if pa.types.is_string(column.type):
        column = pc.if_else(pc.equal(column, ""), None, column)
    return bool(column.null_count == len(column))


def _is_index(column: pa.ChunkedArray) -> bool:
    """Tell whether whole numbers, all different, count up: those of rows that pandas left out may lack."""
    try:
        numbers = pc.cast(pc.cast(column, pa.float64()), pa.int64())
    except pa.ArrowInvalid:
        return False
    return not numbers.null_count and pc.count_distinct(numbers).as_py() == len(numbers)
