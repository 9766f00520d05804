"""The commas of a JSON text that stand between values. Knows nothing of what the values are."""

import numpy as np

QUOTE, COMMA = ord('"'), ord(",")


def between_values(text: bytes) -> int:
    """Return how many commas stand outside of strings; of what is no JSON, any number."""
    plain = np.frombuffer(text.replace(b"\\\\", b"").replace(b'\\"', b""), np.uint8)
    within = np.bitwise_xor.accumulate((plain == QUOTE).view(np.uint8))
    return int(np.count_nonzero((plain == COMMA) & (within == 0)))
