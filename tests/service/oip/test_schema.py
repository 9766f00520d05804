"""Infer requests: what is none is refused, and what clients add is ignored."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from service.errors import MalformedError
from service.oip.schema import LoadRequest
from tests.service.oip.scored import GOOD, Model, golden, replaced, tensor


def test_what_clients_add_of_their_own_is_ignored(model: Model) -> None:
    """Unknown fields and parameters change nothing."""
    rows = golden(model)[:1]
    known = {"inputs": [tensor("features", rows, data=rows.tolist(), parameters={"content_type": "np"})]}
    extra = {"model_name": "x", "parameters": {"sequence_id": 5, "priority": 1, "a": {"b": []}}}
    assert model.decode(known | extra).payload == rows.tobytes()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"5",
        b"[" * 100_000,
        b"\xff",
        b'{"inputs": "\\ud800"}',
        {},
        {"inputs": []},
        {"inputs": GOOD},
        {"inputs": [5]},
        {"inputs": [GOOD], "outputs": ["label"]},
        {"inputs": [GOOD], "outputs": [{"name": "label", "parameters": {"classification": 3}}]},
        {"inputs": [GOOD], "outputs": [{"name": "label", "parameters": {"shared_memory_region": "x"}}]},
        {"inputs": [GOOD], "parameters": {"binary_data_output": 1}},
        {"inputs": [GOOD], "parameters": {"timeout": -1}},
        replaced(name=None),
        replaced(data=None),
        replaced(data=5),
        replaced(data={"a": 1}),
        replaced(data=[]),
        replaced(data=[1.0] * 59),
        replaced(data=[[1.0] * 30, [1.0] * 29]),
        replaced(shape=[]),
        replaced(shape=[1, 2, 30]),
        replaced(shape=[-1, 30]),
        replaced(shape=[2**70, 30]),
        replaced(shape=[2.5, 30]),
        replaced(shape=["2", 30]),
        replaced(shape=[3, 30]),
        replaced(datatype="FP8"),
        replaced(datatype=None),
        replaced(parameters={"binary_data_size": 240}),
        replaced(parameters={"binary_data_size": -1}),
        replaced(parameters={"shared_memory_region": "x"}),
    ],
    ids=lambda value: repr(value)[-60:],
)
def test_what_is_no_infer_request_is_malformed(model: Model, body: Any) -> None:
    """A body that cannot be read as a request is refused with 400."""
    with pytest.raises(MalformedError):
        model.decode(body)


def load(config: str) -> LoadRequest:
    """Return the request of a load with this configuration, as Triton's client sends it."""
    return LoadRequest.model_validate_json(json.dumps({"parameters": {"config": config}}))


def test_a_load_may_name_versions() -> None:
    """By a version policy, as text of JSON; without one it is what CURRENT names."""
    assert LoadRequest.model_validate_json("{}").versions() is None
    assert LoadRequest.model_validate_json('{"parameters": {"unload_dependents": true}}').versions() is None
    assert load('{"max_batch_size": 5}').versions() is None
    assert load('{"version_policy": {"specific": {"versions": [3, 5]}}}').versions() == [3, 5]


@pytest.mark.parametrize(
    "config",
    [
        "{",
        "5",
        '{"version_policy": {"latest": {"num_versions": 2}}}',
        '{"version_policy": {"specific": {"versions": []}}}',
        '{"version_policy": {"specific": {"versions": [0]}}}',
        '{"version_policy": {"specific": {"versions": ["3"]}}}',
    ],
)
def test_a_version_policy_that_is_not_offered_is_refused(config: str) -> None:
    """Rather than something else be loaded than was asked for."""
    with pytest.raises(ValidationError):
        load(config)
