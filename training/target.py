"""The labels of a table, as a person writes them. Knows nothing of classes or of the other columns."""

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from training import numerals
from training.coded import coded
from training.labels import Indices, narrowest

WHOLE = re.compile(r"([+-]?[0-9]+)([.,]0*)?")


def labels(column: pa.ChunkedArray, tokens: tuple[str, ...]) -> tuple[list[str], Indices, NDArray[np.bool_]]:
    """Return texts, of each row with a label the place of its own among them, and which rows those are.

    Whole numbers are written as integers if all labels are; then, and if all are numbers, the tokens for a
    missing number are no labels. Raises ValueError for a column that is neither text, numbers nor truths.
    """
    kind = column.type
    if pa.types.is_nested(kind) or pa.types.is_binary(kind):
        raise ValueError(f"not labels but {kind}")
    # Few labels are many rows': what follows looks at each but once.
    distinct, codes = coded(column)
    if pa.types.is_floating(distinct.type):
        distinct = pc.if_else(pc.is_nan(distinct), None, distinct)
    texts = pa.chunked_array([pc.coalesce(pc.cast(distinct, pa.string()), pa.scalar(""))])
    words_only = sorted(set(tokens) - set(numerals.sentinels(tokens)))  # a class 0 may be no missing one
    numbers = numerals.read(texts, words_only, decimal_comma=True)
    words: list[str] = (texts if numbers is None else numbers.texts).to_pylist()
    whole = [WHOLE.fullmatch(word) for word in words]
    if any(words) and all(found or not word for found, word in zip(whole, words, strict=True)):
        words = [str(int(found[1])) if found else "" for found in whole]
    there = np.array([*map(bool, words), False])[codes]  # MISSING is -1, the last
    return words, codes[there].astype(narrowest(len(words))), there
