"""The description of `/predict` against what is taken."""

import json
import struct

from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from models.manifest import Manifest
from service.predict.codec import PredictCodec
from service.predict.schema import predict_request
from tests.service.predict.documents import (
    FLOATS,
    MAX_ROWS,
    VALUES,
    names,
    refusal,
)


@given(data=st.data())
def test_the_codec_takes_exactly_what_the_description_takes(
    codec: PredictCodec, manifest: Manifest, data: st.DataObject
) -> None:
    """A request passes when the OpenAPI's model takes it and float32 holds its numbers, and not otherwise."""
    known = names(manifest)
    row = st.lists(VALUES, min_size=2, max_size=4) | st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=3)
    named = st.fixed_dictionaries(
        dict.fromkeys(known, FLOATS | st.integers(0, 9)), optional={"other": VALUES}
    )
    document = data.draw(
        st.fixed_dictionaries(
            {"instances": st.lists(row | named, max_size=MAX_ROWS + 1)},
            optional={"id": VALUES, "explain": VALUES, "on_error": st.sampled_from(["fail", "report", "no"])},
        )
    )
    try:
        predict_request(manifest, MAX_ROWS).model_validate_json(json.dumps(document))
        for instance in document["instances"]:
            ordered = [instance[name] for name in known] if isinstance(instance, dict) else instance
            struct.pack("<3f", *map(float, ordered))
        taken = True
    except (ValidationError, OverflowError):
        taken = False
    if not taken and document.get("on_error") == "report":
        return
    assert (refusal(codec, document) is None) == taken
