"""The distinct cells of a column, and each row's place among them. Knows nothing of what they mean."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from training.columns import MISSING


def coded(cells: pa.ChunkedArray) -> tuple[pa.Array, NDArray[np.int32]]:
    """Return the distinct cells of a column, and int32 [rows], where each row's is, MISSING for null."""
    found = cells if pa.types.is_dictionary(cells.type) else cells.dictionary_encode()
    found = found.unify_dictionaries()
    distinct = found.chunk(0).dictionary if found.num_chunks else pa.array([], pa.string())
    codes, start = np.empty(len(found), np.int32), 0
    for chunk in found.chunks:
        # A file may count its categories without a sign.
        codes[start : start + len(chunk)] = pc.fill_null(pc.cast(chunk.indices, pa.int64()), MISSING)
        start += len(chunk)
    return distinct, codes
