"""Bodies of `/predict`, decoded and answered without a model."""

import json
import struct
from typing import Any

from hypothesis import strategies as st

from models.manifest import Manifest
from service.errors import ServiceError
from service.predict.codec import PredictCodec
from service.wire.results import Results
from tests.service.calls import KeptCall

# `make fuzz` asks for many more.


MAX_ROWS, MOST_BYTES = 8, 1 << 20


FLOATS = st.floats(allow_nan=True, allow_infinity=True)


VALUES = FLOATS | st.integers(-(10**60), 10**60) | st.none() | st.booleans() | st.text(max_size=3)


def decode(codec: PredictCodec, document: Any) -> KeptCall:
    """Decode a document, or bytes."""
    call = KeptCall(document if isinstance(document, bytes) else json.dumps(document).encode())
    codec.decode(call)
    return call


def refusal(codec: PredictCodec, document: Any) -> ServiceError | None:
    """Return the error that refuses a document, if one does."""
    try:
        decode(codec, document)
    except ServiceError as error:
        return error
    return None


def answer(call: KeptCall, probabilities: list[float]) -> dict[str, Any]:
    """Encode results for the rows of a call."""
    payload = struct.pack(f"<{len(probabilities)}f", *probabilities)
    found: dict[str, Any] = json.loads(call.encode(call, Results(payload, call.rows, 2, 3), 0))
    return found


def names(manifest: Manifest) -> list[str]:
    """Return the inputs' names in order."""
    return [item.name for item in manifest.inputs]
