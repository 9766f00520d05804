"""The data of an infer request's JSON apart from the rest, which is the same in request after request.

Takes only what is usual; what is wrong with the others is for others to say. Knows nothing of models.
"""

import re
from collections.abc import Sequence

from service.oip.schema import InferInput

BULK_BYTES = 4 * 1024
"""From here on two parts are quicker than one piece, even if the rest is a new one each time."""
KEY = b'"data"'
VALUE = re.compile(KEY + rb"[ \t\r\n]*:[ \t\r\n]*(?=\[)")


def cut(body: bytes) -> tuple[bytes, memoryview]:
    """Return `body` with [] for the data of its one tensor, and the data, which is a list.

    Both are what they seem only if both are JSON, and `body` is JSON only then. Raises ValueError for a body
    that may have data in another place too.
    """
    found = VALUE.match(body, body.find(KEY))
    if found is None:
        raise ValueError("no data")
    start = found.end()
    brace = body.find(b"}", start)
    quote = body.find(b'"', start, brace)
    end = 1 + body.rfind(b"]", start, brace if quote < 0 else quote)
    if not end or body.find(KEY, end) >= 0:
        raise ValueError("no data, or more than one tensor's")
    rest = body[:start] + b"[]" + body[end:]
    if b"\\" in rest:  # an escape may spell the key in another way, or make a part of a text look like it
        raise ValueError("an escape")
    return rest, memoryview(body)[start:end]


def only(inputs: Sequence[InferInput]) -> InferInput:
    """Return the one of `inputs`, from which `cut` took the data; raises ValueError if there is no such."""
    [tensor] = inputs
    if tensor.data != [] or tensor.parameters.binary_data_size is not None:
        raise ValueError("data where none is wanted")
    return tensor
