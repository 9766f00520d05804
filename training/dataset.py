"""Rows to learn from: load, check and split them. Knows nothing of what is learnt."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from models.record import LeftOut, Split
from training import builtin, captured, hashes, labels, lines, provenance, schema, splits
from training.columns import Column, Numbers, Truths
from training.config import BUILT_IN, Config
from training.errors import DataError
from training.labels import Indices
from training.scratch import Scratch

if TYPE_CHECKING:
    from training.table import Table

Integers = NDArray[np.int64]

REPEATED = 0.25
"""With a smaller share of different rows, equal ones are repeated observations and no copies."""
LARGE_BYTES = 1 << 24
"""Of a column: giving memory back takes some ms."""
CELL_BYTES = 4
COPIES = 2
"""Of each cell: as it was read, and as it was encoded, its split's rows together."""


@dataclass(frozen=True)
class Dataset:
    """All rows that have a label, what their columns and classes (sorted) are called, and how they are split.

    `y` is the index of each row's class, [rows]; `parts` the rows of each split, ascending, integers.
    `dropped` rows of the file had no label, `duplicates` have the inputs of an earlier row. `doubts` are
    sentences for whoever started the run, each with the flag that overrules it. `units`, int64 [rows], are
    the groups, or the instants in their order, where these split, and `order` what they are called.
    `scratch` keeps the columns, and has room for as much again. `notes` say of what the rows were made.
    """

    source: str
    sha256: str
    target: str
    columns: tuple[Column, ...]
    left_out: tuple[LeftOut, ...]
    doubts: tuple[str, ...]
    classes: tuple[str, ...]
    y: Indices
    dropped: int
    duplicates: int
    split: Split
    parts: splits.Parts
    units: Integers | None
    order: NDArray[Any] | None
    scratch: Scratch
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Rows:
    """The rows that have a label: columns, a hash of each row's cells, and what splits them if not that.

    These are the distinct groups or times, `order`, and the place of each row's own among them, `units`.
    """

    columns: list[Column]
    left_out: list[LeftOut]
    doubts: list[str]
    keys: hashes.Hashes
    order: NDArray[Any] | None
    units: Integers | None


def load(config: Config) -> Dataset:
    """Load a built-in set by its name or the file or folder at a path, as the table's options say.

    Raises DataError when it cannot be read or its rows cannot be trained on, and SettingError for an option
    that does not fit it; either names the column, row or flag.
    """
    joined = None
    if config.data in BUILT_IN:
        given = builtin.load(config.data)
        place, source, sha256, target = given.source, given.source, given.sha256, given.target
        words = sorted(set(given.labels))
        codes = np.array([words.index(label) for label in given.labels])
        there = np.ones(len(codes), np.bool_)
        table = None if _plain(config) else _as_table(given)
    else:
        from training import table as tables  # noqa: PLC0415 - Arrow is only needed for a file
        from training import target as targets  # noqa: PLC0415
        from training.naming import naming  # noqa: PLC0415

        path, target = Path(config.data), config.target or ""
        place, source = str(path), path.resolve().name
        if lines.is_captured(config.data):
            joined = captured.read(config.data, config.name, target, config.store)
            table, sha256 = joined.table, joined.sha256
        else:
            table = tables.read(path, target, config.encoding)
            sha256 = provenance.digest(path)
        with naming(f"{path}: target {target!r}"):
            words, codes, there = targets.labels(table.columns[target], config.missing)
    try:
        classes, y, doubts = labels.classes(repr(target), words, codes, config.fold_case)
        scratch = Scratch(*((0, 0) if table is None else _expected(table)))
        if table is None:
            rows = _numbers(given, config.seed)
        else:
            rows = _columns(config, table, y, there, target, place, scratch)
        split, parts, duplicates = _split(config, rows, y, classes)
    except ValueError as error:
        raise DataError(f"{place}: {error}") from error
    if split.kind == "copies":
        doubts.append(
            f"{len(y) - duplicates} different rows of {len(y)}: taken as repeated observations and split one "
            "by one; --groups keeps those of a group on one side"
        )
    if joined:
        doubts.extend(joined.doubts)
    return Dataset(
        source=source,
        sha256=sha256,
        target=target,
        columns=tuple(rows.columns),
        left_out=tuple(rows.left_out),
        doubts=(*rows.doubts, *doubts),
        classes=classes,
        y=y,
        dropped=int((~there).sum()) + (joined.unlabelled if joined else 0),
        duplicates=duplicates,
        split=split,
        parts=parts,
        units=rows.units,
        order=rows.order,
        scratch=scratch,
        notes=joined.notes if joined else (),
    )


def _plain(config: Config) -> bool:
    """Tell whether nothing was asked of a column."""
    names = config.categorical + config.numeric + config.leave_out + config.keep
    return not names and (config.schema_file, config.groups, config.time) == (None, None, None)


def _as_table(given: builtin.BuiltIn) -> "Table":
    import pyarrow as pa  # noqa: PLC0415

    from training.table import Table  # noqa: PLC0415

    cells = zip(given.names, zip(*given.rows, strict=True), strict=True)
    columns = {name: pa.chunked_array([pa.array(column, pa.string())]) for name, column in cells}
    return Table(
        columns | {given.target: pa.chunked_array([given.labels])}, len(given.rows), (), decimal_comma=False
    )


def _numbers(given: builtin.BuiltIn, seed: int) -> _Rows:
    values = np.array(given.rows, np.float64).astype(np.float32)
    columns: list[Column] = [
        Numbers(name, column) for name, column in zip(given.names, values.T, strict=True)
    ]
    keys = np.zeros(len(values), np.uint64)
    for column in columns:
        hashes.add(keys, column, seed)
    return _Rows(columns, [], [], keys, None, None)


def _columns(
    config: Config,
    table: "Table",
    y: Indices,
    there: NDArray[np.bool_],
    target: str,
    place: str,
    scratch: Scratch,
) -> _Rows:
    import pyarrow as pa  # noqa: PLC0415

    from training import kinds, order  # noqa: PLC0415
    from training.naming import naming  # noqa: PLC0415

    asked = schema.asked(config, table.columns, target, (each.column for each in table.left_out))
    finder = kinds.Finder(y, there, config.missing, table.decimal_comma)
    mask = None if there.all() else pa.array(there)
    columns: list[Column] = []
    left_out, doubts = list(table.left_out), []
    keys = np.zeros(len(y), np.uint64)
    orders: list[splits.Order] = []

    def take(name: str) -> None:
        """Find what a column is; apart, so that nothing of it is held while the next is read."""
        cells = table.columns[name] if mask is None else table.columns[name].filter(mask)
        if cells.nbytes > LARGE_BYTES:
            pa.default_memory_pool().release_unused()  # what reading it took
        if name in (config.groups, config.time):
            orders.append(order.values(cells, there, name, by_time=name == config.time))
            says = "the order by which rows are split" if name == config.time else "the groups of the split"
            left_out.append(LeftOut(column=name, reason=says))
            return
        found = finder.find(name, cells, asked.get(name, schema.Asked()))
        doubts.extend(found.doubts)
        if found.column is None:
            left_out.append(LeftOut(column=name, reason=found.reason))
            return
        hashes.add(keys, found.column, config.seed)
        columns.append(_kept(found.column, scratch))

    for name in table.columns:
        if name != target:
            with naming(f"{place}: column {name!r}"):
                take(name)
            if scratch.tidied():
                pa.default_memory_pool().release_unused()
    if not columns:
        reasons = "; ".join(f"{each.column}: {each.reason}" for each in left_out)
        raise ValueError(f"no column is left to learn from: {reasons}")
    values, units = np.unique(np.asarray(orders[0]), return_inverse=True) if orders else (None, None)
    return _Rows(columns, left_out, doubts, keys, values, units)


def _expected(table: "Table") -> tuple[int, int]:
    """Return how many bytes the columns are at most, and how many arrays: of all rows, and of each split."""
    columns = len(table.columns)
    return COPIES * CELL_BYTES * table.rows * columns, 4 * columns


def _kept(column: Column, scratch: Scratch) -> Column:
    if isinstance(column, Numbers):
        return replace(column, values=scratch.keep(column.values))
    if isinstance(column, Truths):
        return replace(column, codes=scratch.keep(column.codes))
    return replace(column, codes=scratch.keep(column.codes))


def _split(
    config: Config, rows: _Rows, y: Indices, classes: tuple[str, ...]
) -> tuple[Split, splits.Parts, int]:
    seed, names = config.seed, tuple(column.name for column in rows.columns)
    distinct = splits.distinct(rows.keys)
    if config.time is not None and rows.order is not None:
        parts, cuts = splits.by_time(rows.order[rows.units], y, classes)
        split = Split(kind="time", columns=(config.time,), seed=seed, cuts=cuts)
    elif config.groups is not None and rows.order is not None:
        keys = hashes.texts(list(map(str, rows.order.tolist())), seed)[rows.units]
        parts, cuts = splits.by_hash(keys, y, classes, whole=False)
        split = Split(kind="groups", columns=(config.groups,), seed=seed, cuts=cuts)
    elif distinct < REPEATED * len(y):
        parts, cuts = splits.by_hash(hashes.repeated(rows.keys), y, classes, whole=True)
        split = Split(kind="copies", columns=names, seed=seed, cuts=cuts)
    else:
        parts, cuts = splits.by_hash(rows.keys, y, classes, whole=True)
        split = Split(kind="cells", columns=names, seed=seed, cuts=cuts)
    return split, parts, len(y) - distinct
