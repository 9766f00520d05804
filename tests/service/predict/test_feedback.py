"""Tokens in `/predict`'s answers: one for each row that was answered, whatever else is said of it."""

import json
import math
import time
from collections import Counter
from typing import Any

import numpy as np
import pytest

from models.artifact import Artifact
from service.feedback.token import Issuer, Key, Token, fresh_numbers
from service.predict.codec import PredictCodec
from service.wire.results import Results, pack_results
from tests.service.predict.documents import MAX_ROWS, MOST_BYTES, decode

KEY = Key(b"0123456789abcdef")
ROW = [1.5, True, "Bonn"]


def codec(artifact: Artifact, *, tokens: bool, **fields: object) -> PredictCodec:
    """Return the codec of a model, with tokens or without."""
    manifest = artifact.manifest.model_copy(update=fields)
    issuer = Issuer(KEY, manifest, fresh_numbers()) if tokens else None
    return PredictCodec(manifest, MAX_ROWS, MOST_BYTES, [0, 0], Counter(), Counter(), issuer=issuer)


def predictions(found: PredictCodec, document: dict[str, Any], positive: list[float]) -> list[dict[str, Any]]:
    """Return what is answered to rows whose positive class is so probable."""
    call = decode(found, document)
    rows = np.array([[1 - p, p] for p in positive], np.float32)
    payload = pack_results(rows, np.zeros(1), np.ones((len(rows), 1, 3)))
    answer = call.encode(call, Results(payload, len(rows), 2, 3), 0)
    told: list[dict[str, Any]] = json.loads(answer)["predictions"]
    return told


def token(prediction: dict[str, Any]) -> Token:
    """Return what is in a prediction's token."""
    return KEY.read(prediction["feedback"])


@pytest.mark.parametrize("abstains", [True, False])
@pytest.mark.parametrize("more", [{}, {"explain": True}, {"report_unseen": True}, {"on_error": "report"}])
def test_answers_with_tokens_say_the_same(mixed: Artifact, more: dict[str, Any], *, abstains: bool) -> None:
    """Decision, explanation, unseen texts: all as without, and the token of what was said."""
    fields: dict[str, object] = {} if abstains else {"abstain": None}
    document = {"instances": [ROW, [None, False, "Neustadt"], ROW], **more}
    told, plain = (
        predictions(codec(mixed, tokens=tokens, **fields), document, [0.25, 0.5, 0.75])
        for tokens in (True, False)
    )
    before = int(time.time()) - 60
    found = [token(each) for each in told]
    assert [each.probabilities for each in found] == [(0.75, 0.25), (0.5, 0.5), (0.25, 0.75)]
    assert [each.label for each in found] == [0, 1, 1]
    assert len({each.number for each in found}) == 3
    assert all(before <= each.issued <= time.time() for each in found)
    assert [{name: each[name] for name in each if name != "feedback"} for each in told] == plain


def test_the_label_is_the_one_that_the_threshold_says(mixed: Artifact) -> None:
    """Not the more probable one."""
    threshold = mixed.manifest.threshold.model_copy(update={"value": 0.9})
    found = codec(mixed, tokens=True, threshold=threshold)
    [told] = predictions(found, {"instances": [ROW]}, [0.75])
    assert (told["label"], token(told).label) == ("no", 0)


def test_what_has_no_number_has_no_token(mixed: Artifact) -> None:
    """Nor has a row that is wrong."""
    document = {"instances": [ROW, [1], ROW, ROW], "on_error": "report"}
    told = predictions(codec(mixed, tokens=True), document, [0.25, math.nan, 0.75])
    assert ["feedback" in each for each in told] == [True, False, False, True]
    assert [each["error"] for each in told[1:3]] == ["invalid", "invalid"]
