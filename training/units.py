"""Which train rows stay together wherever they are parted once more. Knows nothing of parts or folds."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from training import builtin
from training.config import BUILT_IN, Config
from training.dataset import Dataset
from training.design import Raw

if TYPE_CHECKING:
    from training.order import Values

Integers = NDArray[np.int64]


def of(config: Config, dataset: Dataset, raw: Raw, rows: Integers) -> Integers:
    """Return the unit of each of these rows, int64 [rows], in the order of instants where time splits.

    That is its group, its time, or what it shares with those that are encoded alike, `raw` float32
    [rows, inputs]; repeated observations are units of their own.
    """
    kind = dataset.split.kind
    if kind == "rows":
        return np.arange(len(raw))
    if kind in {"groups", "time"}:
        values = np.asarray(_order(config, dataset.split.columns[0], by_time=kind == "time"))
        return _numbered(values[rows])
    return _numbered(np.ascontiguousarray(raw).view(f"V{raw.shape[1] * raw.itemsize}")[:, 0])


def _numbered(values: NDArray[np.generic]) -> Integers:
    found: Integers = np.unique(values, return_inverse=True)[1]
    return found


def _order(config: Config, name: str, by_time: bool) -> "Values":
    """Read the column once more: of it a data set keeps its splits alone."""
    import pyarrow as pa  # noqa: PLC0415 - Arrow is only needed for a column that splits

    from training import order, table, target  # noqa: PLC0415

    if config.data in BUILT_IN:
        given = builtin.load(config.data)
        cells = pa.chunked_array([[row[given.names.index(name)] for row in given.rows]], pa.string())
        return order.values(cells, np.ones(len(cells), np.bool_), name, by_time)
    found = table.read(Path(config.data), config.target or "", config.encoding)
    _, there = target.texts(found.columns[config.target or ""], config.missing)
    return order.values(found.columns[name].filter(pa.array(there)), there, name, by_time)
