"""`python -m tests.bench.training.rows FILE ROWS INPUTS`: rows that a logistic regression drew.

The same for everyone, in memory or in a Parquet file. Knows nothing of who learns from them.
"""

import sys
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import parquet

SEED = 0
TARGET = "y"
CHUNK_ROWS = 1 << 17
"""Rows that are drawn at once; in a file, a row group."""
SPREAD = 2
"""Standard deviation of the logits, whatever the number of inputs: an accuracy of about 0.8 can be had."""

Raw = NDArray[np.float32]
Integers = NDArray[np.int64]


def arrays(rows: int, inputs: int) -> tuple[Raw, Integers]:
    """Return rows, float32 [rows, inputs], a row's numbers together, and labels 0 and 1, int64 [rows]."""
    chunks = list(_chunks(rows, inputs))
    return np.concatenate([x for x, _ in chunks]), np.concatenate([y for _, y in chunks])


def write(path: str, rows: int, inputs: int) -> None:
    """Write them to a file, the label the last column."""
    names = [*(f"x{place}" for place in range(inputs)), TARGET]
    kinds = [*(pa.float32() for _ in range(inputs)), pa.int64()]
    with parquet.ParquetWriter(path, pa.schema(list(zip(names, kinds, strict=True)))) as file:
        for x, y in _chunks(rows, inputs):
            file.write_table(pa.table([*x.T, y], names=names))


def _chunks(rows: int, inputs: int) -> Iterator[tuple[Raw, Integers]]:
    draw = np.random.default_rng(SEED)
    weights = draw.standard_normal(inputs, np.float32) * np.float32(SPREAD / inputs**0.5)
    scale, mean = draw.uniform(0.1, 10, inputs), draw.uniform(-10, 10, inputs)
    for start in range(0, rows, CHUNK_ROWS):
        x = draw.standard_normal((min(CHUNK_ROWS, rows - start), inputs), np.float32)
        y = (draw.logistic(size=len(x)) < x @ weights).astype(np.int64)
        yield x * scale.astype(np.float32) + mean.astype(np.float32), y


if __name__ == "__main__":
    write(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
