"""A Parquet file, or a folder of them, a column at a time. Knows nothing of what a column is."""

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from training.naming import naming

SUFFIX = ".parquet"


class Parts:
    """The parts of a table, one below the other, in the order of their paths."""

    def __init__(self, path: Path) -> None:
        """Read no rows. Raises ValueError for a folder without parts, DataError as `common_schema`."""
        self._root = path
        self._files = [path]
        if path.is_dir():
            found = (each for each in path.rglob("*") if each.suffix.lower() == SUFFIX and each.is_file())
            self._files = sorted(each for each in found if not each.name.startswith((".", "_")))
        if not self._files:
            raise ValueError(f"no {SUFFIX} file in the folder")
        self._schema = common_schema(path, self._files)
        self.names: list[str] = self._schema.names
        self._described = [parquet.read_metadata(each) for each in self._files]
        self.rows = sum(each.num_rows for each in self._described)

    def column(self, place: int) -> pa.ChunkedArray:
        """Read a column of all parts, text without surrounding blanks and of Arrow's string type.

        Categories stay a dictionary. Raises DataError that names the part that cannot be read.
        """
        field = self._schema.field(place)
        chunks: list[pa.Array] = []
        for file, known in zip(self._files, self._described, strict=True):
            with naming(_place(self._root, file)), parquet.ParquetFile(file, metadata=known) as part:
                for group in range(part.num_row_groups):  # Arrow holds on to much of a whole column's pages
                    # A name with a point in it may bring what is inside of another column along.
                    found = part.read_row_group(group, columns=[field.name]).column(field.name)
                    chunks += _trimmed(pc.cast(found, field.type)).chunks
        return pa.chunked_array(chunks, _trimmed(pa.chunked_array([], field.type)).type)


def common_schema(root: Path, files: Iterable[Path]) -> pa.Schema:
    """Return the columns that all parts have, in the first one's order, each in a type for all.

    Reads no rows. Raises DataError that names the part, and the column that it lacks, has beyond the first
    one or has in a type that does not go with an earlier part's.
    """
    joined: dict[str, tuple[pa.DataType, Path]] = {}
    first = None
    for file in files:
        part = file.relative_to(root)
        with naming(_place(root, file)):
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


def _trimmed(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type
    if pa.types.is_dictionary(kind):
        cells = _trimmed(pc.cast(column, kind.value_type))
        return cells.dictionary_encode() if pa.types.is_string(cells.type) else cells
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        column = pc.cast(column, pa.string())
    return pc.utf8_trim_whitespace(column) if pa.types.is_string(column.type) else column


def _place(root: Path, file: Path) -> str:
    return str(root) if file == root else f"{root}: {file.relative_to(root)}"
