"""The labels of a table, as a person writes them. Knows nothing of classes or of the other columns."""

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from training import numerals

WHOLE = re.compile(r"([+-]?[0-9]+)([.,]0*)?")


def labels(
    column: pa.ChunkedArray, tokens: tuple[str, ...]
) -> tuple[list[str], NDArray[np.int32], NDArray[np.bool_]]:
    """Return texts, of each row with a label the place of its own among them, and which rows those are.

    Whole numbers are written as integers if all labels are; then, and if all are numbers, the tokens for a
    missing number are no labels. Raises ValueError for a column that is neither text, numbers nor truths.
    """
    kind = column.type
    if pa.types.is_nested(kind) or pa.types.is_binary(kind):
        raise ValueError(f"not labels but {kind}")
    if pa.types.is_dictionary(kind):
        column = pc.cast(column, kind.value_type)
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), None, column)
    texts = pc.coalesce(pc.cast(column, pa.string()), pa.scalar(""))
    words_only = sorted(set(tokens) - set(numerals.sentinels(tokens)))  # a class 0 may be no missing one
    numbers = numerals.read(texts, words_only, decimal_comma=True)
    if numbers is not None:
        texts = numbers.texts
    there = ~np.asarray(pc.equal(texts, ""))
    coded = texts.filter(pa.array(there)).combine_chunks().dictionary_encode()
    words: list[str] = coded.dictionary.to_pylist()
    whole = [WHOLE.fullmatch(word) for word in words]
    if words and all(whole):
        words = [str(int(found[1])) for found in whole if found]
    return words, coded.indices.to_numpy(), there
