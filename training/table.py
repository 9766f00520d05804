"""Read one file into an Arrow table of trimmed text or typed columns. Knows nothing of what a column is."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from models.record import LeftOut
from training import header
from training.naming import naming
from training.parquet import SUFFIX, Parts
from training.texts import Texts
from training.utf8 import COMPRESSED

TEXT = (".csv", ".tsv", ".txt")


@dataclass(frozen=True)
class Table:
    """Columns by name, read when they are asked for, and what was left out for its header alone.

    A column of text is of Arrow's string type, a dictionary of it where the file says that it is categories.
    `decimal_comma` says whether the file is one in which a comma may be the decimal mark.
    """

    columns: Mapping[str, pa.ChunkedArray]
    rows: int
    left_out: tuple[LeftOut, ...]
    decimal_comma: bool


class _Columns(Mapping[str, pa.ChunkedArray]):
    """Columns by name, of which each is read when it is asked for, and not kept."""

    def __init__(self, path: Path, read: Callable[[int], pa.ChunkedArray], places: Mapping[str, int]) -> None:
        self._path, self._read, self._places = path, read, places

    def __getitem__(self, name: str) -> pa.ChunkedArray:
        place = self._places[name]
        with naming(str(self._path)):
            return self._read(place)

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def read(path: Path, target: str, encoding: str) -> Table:
    """Read a text file, a Parquet file or a folder of Parquet files, with all rows and columns.

    Names and cells of text lose surrounding blanks. Raises DataError for a file that is missing, not
    readable as what its suffix says, without rows or without the target, and for a header with names that are
    equal or empty; but empty columns without a name and an index that pandas wrote are left out. Rows count
    from 1 below the header. Columns that memory is not for are read one by one, whenever they are asked for.
    """
    pa.set_memory_pool(pa.system_memory_pool())  # the others keep hundreds of MB that a column took
    with naming(str(path)):
        bare = Path(path.name.lower())
        suffix = Path(bare.stem).suffix if bare.suffix in COMPRESSED else bare.suffix
        decimal_comma = False
        if path.is_dir() or (bare.suffix == SUFFIX and path.is_file()):
            source: Parts | Texts = Parts(path)
        elif not path.is_file():
            raise ValueError("no such file")
        elif suffix in TEXT:
            source = Texts(path, target, encoding)
            decimal_comma = source.delimiter == ";"
        else:
            wanted = ", ".join((*TEXT, SUFFIX))
            raise ValueError(f"unknown format, wanted {wanted}, or .gz or .zst of a text")
        names = header.names(source.names, target)
        if not source.rows:
            raise ValueError("no rows below the header")
        kept, left_out = _named(names, source.column)
        return Table(_Columns(path, source.column, kept), source.rows, left_out, decimal_comma)


def _named(
    names: list[str], column: Callable[[int], pa.ChunkedArray]
) -> tuple[dict[str, int], tuple[LeftOut, ...]]:
    """Leave out the columns without a name that hold nothing of use; they get the name that pandas gives."""
    kept, left_out = {}, []
    for place, name in enumerate(names):
        if name:
            kept[name] = place
            continue
        cells = column(place)
        if _is_empty(cells):
            left_out.append(LeftOut(column=f"Unnamed: {place}", reason="no name and no cell"))
        elif place == 0 and _is_index(cells):
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
