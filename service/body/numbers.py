"""Lists of numbers in JSON as arrays, without a Python number for each. Knows nothing of what they mean.

Reads only what is right; what is wrong with the others is for others to say.
"""

from typing import Any

import numpy as np
import simdjson
from numpy.typing import NDArray

KEPT_BYTES = 1 << 20
"""A parser's buffers grow with what it reads. One is kept, because fresh pages cost as much as parsing, but
not for the largest texts. It cannot go on while a part of its last document lives, so nobody keeps one."""

_parser = simdjson.Parser()


def parse(text: bytes | memoryview) -> Any:
    """Return the document of `text`, to be forgotten before the next one; raises ValueError if it is none."""
    try:
        return (_parser if len(text) <= KEPT_BYTES else simdjson.Parser()).parse(text)
    except RuntimeError as error:
        raise ValueError(str(error)) from None


def read(numbers: Any, text: bytes | memoryview) -> NDArray[np.float64]:
    """Return a list of `numbers`, or of lists of them that are of one length, in that shape.

    `text` is the JSON that they stand in, with no other list. Raises ValueError for whatever is no such list.
    """
    brackets = np.count_nonzero(np.frombuffer(text, np.uint8) == ord("["))
    try:
        values = np.frombuffer(numbers.as_buffer(of_type="d"), np.float64)
        if brackets == 1:
            return values
        lengths = set(map(len, numbers))
    except (AttributeError, TypeError) as error:
        raise ValueError(str(error)) from None
    # `as_buffer` flattens whatever is nested: the brackets say that nothing is, but the rows.
    if len(lengths) != 1 or brackets != len(numbers) + 1:
        raise ValueError("not rows of numbers")
    return values.reshape(len(numbers), lengths.pop())
