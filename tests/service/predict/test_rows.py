"""Rows one by one: packed for the model, or told what is wrong with them."""

import struct

from models.manifest import Manifest
from service.predict.codec import PredictCodec
from tests.service.predict.documents import decode, names


def test_a_row_by_position_or_by_name_is_packed_as_float32(codec: PredictCodec, manifest: Manifest) -> None:
    """Both forms give the same bytes, in the inputs' order."""
    wanted = struct.pack("<6f", 1, 2.5, -3, 4, 5, 6)
    assert decode(codec, {"instances": [[1, 2.5, -3], [4, 5, 6]]}).payload == wanted
    named = dict(reversed(list(zip(names(manifest), [4, 5, 6], strict=True))))
    call = decode(codec, {"instances": [[1, 2.5, -3], named], "id": "mine", "explain": True})
    assert (call.payload, call.rows, call.id, call.explain) == (wanted, 2, "mine", True)
