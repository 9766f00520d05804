"""The Open Inference Protocol beside inference, in process."""

import hashlib
from pathlib import Path

import pytest

from models.artifact import Artifact
from service.library.table import Refused
from tests.service.answering import Store, answering, numbered
from tests.service.app.asked import Asked, serve


@pytest.fixture
def asked(tiny: Artifact, tmp_path: Path) -> Asked:
    """The app of a version with two workers."""
    return serve(tiny, tmp_path, workers=2, max_rows=77)


@pytest.mark.parametrize("rest", ["", "/ready", "/config", "/stats"])
def test_only_a_version_that_answers_is_known(asked: Asked, rest: str) -> None:
    """By its name, or by name and version; names are compared, not looked up."""
    for model in ("tiny", "tiny/versions/3"):
        assert asked.get(f"/v2/models/{model}{rest}").status_code == 200
    for model in ("Tiny", "other", "tiny/versions/1", "tiny/versions/03", "other/versions/3", "..%2ftiny"):
        answer = asked.get(f"/v2/models/{model}{rest}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_a_client_is_told_when_not_to_ask(asked: Asked) -> None:
    """Of the server and the model alike; that the process lives is another question."""
    ready = ("/v2/health/ready", "/v2/models/tiny/ready", "/v2/models/tiny/versions/3/ready")
    assert [asked.get(path).json()["ready"] for path in ready] == [True] * 3
    [entry] = asked.ask("POST", "/v2/repository/index").json()
    assert entry == {"name": "tiny", "version": "3", "state": "READY", "reason": ""}
    asked.readiness.reason = "no worker answers"
    assert [asked.get(path).status_code for path in ready] == [503] * 3
    [entry] = asked.ask("POST", "/v2/repository/index").json()
    assert (entry["state"], entry["reason"]) == ("UNAVAILABLE", "no worker answers")
    assert asked.get("/v2/health/live").json() == {"live": True}


def test_the_configuration_is_of_what_runs(asked: Asked) -> None:
    """The workers, their device, and the most rows of a request."""
    found = asked.get("/v2/models/tiny/config").json()
    assert found["max_batch_size"] == 77
    [group] = found["instance_group"]
    assert (group["count"], group["kind"]) == (2, "KIND_CPU")
    asked.readiness.greeting = {"device": "cuda:0"}
    assert asked.get("/v2/models/tiny/config").json()["instance_group"][0]["kind"] == "KIND_GPU"


def test_a_model_named_stats_does_not_hide_the_statistics(asked: Asked) -> None:
    """Triton's clients ask for those of all models there."""
    [found] = asked.get("/v2/models/stats").json()["model_stats"]
    assert (found["name"], found["version"]) == ("tiny", "3")
    assert asked.flushed == 1


@pytest.fixture
def several(tiny: Artifact, mixed: Artifact, tmp_path: Path) -> Asked:
    """The app of two versions of a model and one of another, of which a fourth was refused."""
    store = Store()
    refused = (
        Refused("other", 2, None, "broken", "model.pt: cut short"),
        Refused("gone", None, None, "missing", "there is no CURRENT"),
    )
    store.commit(1, tiny, numbered(tiny, 4), numbered(mixed, 1, "other"), refused=refused)
    return serve(store.catalogue(), tmp_path)


@pytest.mark.parametrize("rest", ["", "/ready", "/config", "/stats"])
def test_each_version_of_each_model_is_known(several: Asked, rest: str) -> None:
    """And one of a model that another has is not."""
    for model in ("tiny", "other", "tiny/versions/3", "tiny/versions/4", "other/versions/1"):
        assert several.get(f"/v2/models/{model}{rest}").status_code == 200
    for model in ("other/versions/3", "other/versions/2", "gone"):
        assert several.get(f"/v2/models/{model}{rest}").status_code == 404


def test_a_model_tells_which_versions_answer(several: Asked) -> None:
    """Whichever of them is asked for; its tensors are that version's."""
    for path in ("tiny", "tiny/versions/3", "tiny/versions/4"):
        assert several.get(f"/v2/models/{path}").json()["versions"] == ["3", "4"]
    assert [each["name"] for each in several.get("/v2/models/other").json()["inputs"]] == [
        "width (mm)",
        "geprüft",
        "city",
    ]
    for path, number in (("tiny", 4), ("tiny/versions/3", 3)):
        policy = several.get(f"/v2/models/{path}/config").json()["version_policy"]
        assert policy == {"specific": {"versions": [number]}}


def test_statistics_are_of_what_is_asked_for(several: Asked) -> None:
    """Everything, a model's versions, or one of them."""
    for path, wanted in (
        ("stats", [("tiny", "3"), ("tiny", "4"), ("other", "1")]),
        ("tiny/stats", [("tiny", "3"), ("tiny", "4")]),
        ("tiny/versions/4/stats", [("tiny", "4")]),
    ):
        found = several.get(f"/v2/models/{path}").json()["model_stats"]
        assert [(each["name"], each["version"]) for each in found] == wanted


def test_the_index_has_what_answers_and_what_was_refused(several: Asked) -> None:
    """Or only what answers, where a client wants that."""
    ready = [
        {"name": name, "version": version, "state": "READY", "reason": ""}
        for name, version in (("tiny", "3"), ("tiny", "4"), ("other", "1"))
    ]
    refused = [
        {"name": "other", "version": "2", "state": "UNAVAILABLE", "reason": "model.pt: cut short"},
        {"name": "gone", "version": "", "state": "UNAVAILABLE", "reason": "there is no CURRENT"},
    ]
    for body, wanted in (
        (None, ready + refused),
        ({}, ready + refused),
        ({"ready": False}, ready + refused),
        ({"ready": True}, ready),
    ):
        assert several.ask("POST", "/v2/repository/index", json=body).json() == wanted
    several.readiness.reason = "no worker answers"
    assert several.ask("POST", "/v2/repository/index", json={"ready": True}).json() == []


class _Unready:
    """Workers that answer, in a process whose default model is not loaded."""

    async def unready(self) -> str | None:
        return "the default model is not loaded"

    async def no_worker(self) -> str | None:
        return None


def test_other_models_are_ready_without_the_default_one(several: Asked) -> None:
    """A balancer is told otherwise of the process; each model answers for itself."""
    several.readiness = _Unready()  # type: ignore[assignment]
    assert several.get("/v2/health/ready").status_code == 503
    assert several.get("/v2/models/other/ready").json() == {"name": "other", "ready": True}
    index = several.ask("POST", "/v2/repository/index", json={"ready": True}).json()
    assert [each["name"] for each in index] == ["tiny", "tiny", "other"]


LOAD, UNLOAD = "/v2/repository/models/other/load", "/v2/repository/models/other/unload"


def administered(tiny: Artifact, tmp_path: Path, control: str) -> Asked:
    """Return an app with an admin's key, which every request brings."""
    (tmp_path / "admin").write_text(f"someone:{hashlib.sha256(b'admin').hexdigest()}\n")
    return serve(answering(tiny), tmp_path, model_control=control, admin_keys_file=tmp_path / "admin")


KEY = {"X-API-Key": "admin"}


@pytest.mark.parametrize("control", ["follow", "pinned"])
def test_models_are_loaded_by_request_only_where_that_was_chosen(
    tiny: Artifact, tmp_path: Path, control: str
) -> None:
    """Else the store says what serves; main is not asked."""
    asked = administered(tiny, tmp_path, control)
    for path in (LOAD, UNLOAD):
        answer = asked.ask("POST", path, headers=KEY)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
        assert f"SERVICE_MODEL_CONTROL is {control}" in answer.json()["error"]
    assert asked.control.wishes == []


def test_main_is_asked_to_load_and_unload(tiny: Artifact, tmp_path: Path) -> None:
    """What CURRENT names, or the versions of a policy; as Triton's client sends it."""
    asked = administered(tiny, tmp_path, "explicit")
    config = '{"version_policy": {"specific": {"versions": [3, 5]}}}'
    for path, body in (
        (LOAD, None),
        (LOAD, {"parameters": {"config": config}}),
        (UNLOAD, {"parameters": {"unload_dependents": False}}),
        (UNLOAD, None),
    ):
        assert asked.ask("POST", path, headers=KEY, json=body).json() == {}
    assert asked.control.wishes == [
        {"load": "other", "versions": None},
        {"load": "other", "versions": [3, 5]},
        {"unload": "other"},
        {"unload": "other"},
    ]


def test_what_main_refuses_or_does_not_do_in_time_is_told(tiny: Artifact, tmp_path: Path) -> None:
    """With its reason, where there is one."""
    asked = administered(tiny, tmp_path, "explicit")
    asked.control.refusal = "other 5: its sha256 is another"
    for path in (LOAD, UNLOAD):
        answer = asked.ask("POST", path, headers=KEY)
        assert (answer.status_code, answer.json()["error"]) == (422, "other 5: its sha256 is another")
    asked.control.late = True
    assert asked.ask("POST", LOAD, headers=KEY).status_code == 504


def test_a_load_of_what_is_not_offered_is_refused(tiny: Artifact, tmp_path: Path) -> None:
    """Main is not asked for something else."""
    asked = administered(tiny, tmp_path, "explicit")
    config = '{"version_policy": {"latest": {"num_versions": 2}}}'
    answer = asked.ask("POST", LOAD, headers=KEY, json={"parameters": {"config": config}})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert asked.control.wishes == []
