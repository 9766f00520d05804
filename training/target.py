"""The labels of a table, as a person writes them. Knows nothing of classes or of the other columns."""

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from training import numerals
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
    coded = (column if pa.types.is_dictionary(kind) else column.dictionary_encode()).unify_dictionaries()
    distinct = coded.chunk(0).dictionary if coded.num_chunks else pa.array([], pa.string())
    if pa.types.is_floating(distinct.type):
        distinct = pc.if_else(pc.is_nan(distinct), None, distinct)
    texts = pa.chunked_array([pc.coalesce(pc.cast(distinct, pa.string()), pa.scalar(""))])
    words_only = sorted(set(tokens) - set(numerals.sentinels(tokens)))  # a class 0 may be no missing one
    numbers = numerals.read(texts, words_only, decimal_comma=True)
    words: list[str] = (texts if numbers is None else numbers.texts).to_pylist()
    whole = [WHOLE.fullmatch(word) for word in words]
    if any(words) and all(found or not word for found, word in zip(whole, words, strict=True)):
        words = [str(int(found[1])) if found else "" for found in whole]
    codes = np.empty(len(coded), narrowest(len(words)))
    np.concatenate([_places(chunk) for chunk in coded.chunks] or [codes], out=codes, casting="unsafe")
    there = np.array([*map(bool, words), False])[codes]  # -1 is the last
    return words, codes[there], there


def _places(chunk: pa.DictionaryArray) -> NDArray[np.signedinteger]:
    found: NDArray[np.signedinteger] = pc.fill_null(pc.cast(chunk.indices, pa.int64()), -1).to_numpy()
    return found.astype(np.int32)
