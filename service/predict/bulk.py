"""Large `/predict` bodies as an array, without a Python number for each value.

Reads only what is right; what is wrong with the others is for others to say. Knows nothing of models.
"""

from typing import Any, NamedTuple

import numpy as np
import simdjson

from service.predict.schema import Envelope

BULK_BYTES = 8 * 1024
"""From here on this is quicker than pydantic and `struct`; for a few rows they are."""
KEPT_BYTES = 1 << 20
"""A parser's buffers grow with what it reads. One is kept, because fresh pages cost as much as parsing, but
not for the largest bodies. It cannot go on while a part of its last document lives, so none leaves `read`."""
INSTANCES = "instances"
MOST_FIELDS = 1 + len(Envelope.model_fields)

_parser = simdjson.Parser()


class Bulk(NamedTuple):
    """A body's rows, raw float32 [rows, inputs], and its other fields."""

    payload: bytes
    rows: int
    fields: dict[str, Any]


def read(body: bytes, inputs: int, max_rows: int) -> Bulk:
    """Return what `body` holds.

    Raises ValueError unless it is an object whose `instances` are at most `max_rows` lists of `inputs`
    numbers that float32 can hold; a body that this refuses may still be a good one.
    """
    if not body.startswith(b"{"):  # the parser would skip a byte order mark
        raise ValueError("not an object")
    try:
        document: Any = (_parser if len(body) <= KEPT_BYTES else simdjson.Parser()).parse(body)
        if len(document) > MOST_FIELDS:  # a look at one takes as long as there are others before it
            raise ValueError("too many fields")
        instances = document[INSTANCES]
        fields = {name: document[name] for name in document if name != INSTANCES}
        lengths = [len(row) for row in instances]
        values = np.frombuffer(instances.as_buffer(of_type="d"), np.float64)
    except (KeyError, TypeError, RuntimeError) as error:
        raise ValueError(str(error)) from None
    rows = len(lengths)
    brackets = np.count_nonzero(np.frombuffer(body, np.uint8) == ord("["))
    # `as_buffer` flattens whatever is nested: the brackets say that nothing is, but the rows.
    if not 0 < rows <= max_rows or set(lengths) != {inputs} or brackets != rows + 1:
        raise ValueError("not rows of numbers")
    if len(fields) + 1 != len(document):
        raise ValueError("a field given twice")
    if any(isinstance(value, simdjson.Object | simdjson.Array) for value in fields.values()):
        raise ValueError("a field that is no plain value")
    with np.errstate(over="ignore"):
        narrowed = values.astype("<f4")
    if not np.isfinite(narrowed).all():
        raise ValueError("too large for float32")
    return Bulk(narrowed.tobytes(), rows, fields)
