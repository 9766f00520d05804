"""Large `/predict` bodies as an array, without a Python number for each value.

Reads only what is right; what is wrong with the others is for others to say. Knows nothing of models.
"""

from typing import Any, NamedTuple

import numpy as np
import simdjson

from service.body import numbers
from service.predict.schema import Envelope

BULK_BYTES = 4 * 1024
"""From here on this is quicker than `typed`; for a few rows that is."""
INSTANCES = "instances"
MOST_FIELDS = 1 + len(Envelope.model_fields)


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
    document = numbers.parse(body)
    try:
        if len(document) > MOST_FIELDS:  # a look at one takes as long as there are others before it
            raise ValueError("too many fields")
        values = numbers.read(document[INSTANCES], body)
        fields = {name: document[name] for name in document if name != INSTANCES}
    except (KeyError, TypeError) as error:
        raise ValueError(str(error)) from None
    if values.shape[1:] != (inputs,) or not 0 < len(values) <= max_rows:
        raise ValueError("not rows of so many numbers")
    if len(fields) + 1 != len(document):
        raise ValueError("a field given twice")
    if any(isinstance(value, simdjson.Object | simdjson.Array) for value in fields.values()):
        raise ValueError("a field that is no plain value")
    with np.errstate(over="ignore"):
        narrowed = values.astype("<f4")
    if not np.isfinite(narrowed).all():
        raise ValueError("too large for float32")
    return Bulk(narrowed.tobytes(), len(values), fields)
