"""Tokens as an output of the Open Inference Protocol, for who asks for it."""

from collections import Counter
from typing import Any

import pytest

from models.repository import Artifact
from service.errors import InvalidError
from service.feedback.token import Issuer, Key, fresh_numbers
from service.oip.codec import InferCodec
from service.oip.signature import configuration, metadata
from tests.service.oip.scored import GOOD, MAX_ROWS, MOST_BYTES, Model

KEY = Key(b"0123456789abcdef")


@pytest.fixture
def tokened(model: Model) -> Model:
    """A model whose answers may carry tokens."""
    manifest = model.artifact.manifest
    issuer = Issuer(KEY, manifest, fresh_numbers())
    codec = InferCodec(manifest, MAX_ROWS, MOST_BYTES, model.labels, Counter(), Counter(), issuer=issuer)
    return model._replace(codec=codec)


@pytest.mark.parametrize("binary", [True, False])
def test_who_asks_for_tokens_gets_one_a_row(tokened: Model, *, binary: bool) -> None:
    """In either form; they say what the answer says."""
    names = ("feedback", "label", "probabilities")
    wanted = [{"name": name, "parameters": {"binary_data": binary}} for name in names]
    document, found = tokened.answer(tokened.decode({"inputs": [GOOD], "outputs": wanted}))
    assert (document["outputs"][0]["datatype"], document["outputs"][0]["shape"]) == ("BYTES", [2])
    tokens = [KEY.read(each) for each in found["feedback"].tolist()]
    classes = tokened.artifact.manifest.classes
    assert [classes[each.label] for each in tokens] == found["label"].tolist()
    assert [list(each.probabilities) for each in tokens] == found["probabilities"].tolist()
    assert len({each.number for each in tokens}) == 2


def test_who_does_not_ask_gets_none(tokened: Model, model: Model) -> None:
    """The answer has the bytes that it has where feedback is off."""
    requests: list[dict[str, Any]] = [{"inputs": [GOOD], "id": "x"}]
    requests.append(requests[0] | {"outputs": [{"name": "probabilities"}, {"name": "logit"}]})
    for request in requests:
        answers = [each.score(each.decode(request)) for each in (tokened, model)]
        assert answers[0] == answers[1]


def test_where_feedback_is_off_there_is_no_such_output(model: Model, artifact: Artifact) -> None:
    """Neither told of nor given."""
    with pytest.raises(InvalidError, match='output "feedback": no such output'):
        model.decode({"inputs": [GOOD], "outputs": [{"name": "feedback"}]})
    manifest = artifact.manifest
    for on in (True, False):
        told = metadata(manifest, ["1"], feedback=on)["outputs"]
        configured = configuration(manifest, 64, "cpu", 1, feedback=on)["output"]
        assert ({"name": "feedback", "datatype": "BYTES", "shape": [-1]} in told) == on
        assert ({"name": "feedback", "data_type": "TYPE_STRING", "dims": []} in configured) == on
