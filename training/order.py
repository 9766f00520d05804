"""The column that splits rows, by groups or by time, as values that sort. Knows nothing of splits."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from training import dates, numerals

Values = list[str] | NDArray[np.int64] | NDArray[np.float64]


def values(cells: pa.ChunkedArray, there: NDArray[np.bool_], name: str, by_time: bool) -> Values:
    """Return the text of each group; or, `by_time`, numbers or texts that sort as the times do, [rows].

    `there` says which rows of the file the cells are of. Raises ValueError for a missing cell and for dates
    that do not sort as text.
    """
    flag = f"--time {name}" if by_time else f"--groups {name}"
    texts = pc.coalesce(pc.cast(cells, pa.string()), pa.scalar(""))
    gaps = np.flatnonzero(np.asarray(pc.equal(texts, "")))
    if len(gaps):
        raise ValueError(f"row {np.flatnonzero(there)[gaps[0]] + 1} has no value, which {flag} takes")
    if by_time and (numbers := numerals.read(texts, (), decimal_comma=False)) is not None:
        if not np.isfinite(numbers.values).all():
            raise ValueError(f"not all of it is finite, which {flag} takes")
        whole = numbers.values.astype(np.int64)
        return whole if (whole == numbers.values).all() else numbers.values
    if by_time:
        dated = np.asarray(numerals.matches(texts, dates.DATE))
        iso = np.asarray(numerals.matches(texts, dates.ISO))
        wrong = np.flatnonzero(dated & ~iso)
        if len(wrong):
            cell = texts[int(wrong[0])].as_py()
            row = np.flatnonzero(there)[wrong[0]] + 1
            raise ValueError(
                f"row {row}: {cell!r} does not sort as a date; {flag} takes 2024-12-31, or numbers"
            )
    found: list[str] = texts.to_pylist()
    return found
