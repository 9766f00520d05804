"""The Open Inference Protocol beside inference, in process."""

from pathlib import Path

import pytest

from models.artifact import Artifact
from tests.service.app.asked import Asked, serve


@pytest.fixture
def asked(tiny: Artifact, tmp_path: Path) -> Asked:
    """The app of a version with two workers."""
    return serve(tiny, tmp_path, workers=2, max_rows=77)


@pytest.mark.parametrize("rest", ["", "/ready", "/config", "/stats"])
def test_only_the_version_that_is_served_is_known(asked: Asked, rest: str) -> None:
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
