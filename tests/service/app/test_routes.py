"""Probes, information and unknown paths of a version, in process."""

from pathlib import Path

import pytest

from models.artifact import Artifact
from service.gate.accounting import UNMATCHED
from tests.service.app.asked import Asked, serve


@pytest.fixture
def asked(tiny: Artifact, tmp_path: Path) -> Asked:
    """The app of a version."""
    return serve(tiny, tmp_path)


def test_a_process_that_is_not_ready_lives(asked: Asked) -> None:
    """The kubelet must not restart what only waits; the balancer is told why it gets nothing."""
    for path in ("/readyz", "/health", "/livez"):
        assert (asked.get(path).status_code, asked.get(path).text) == (200, "ok")
    asked.readiness.reason = "draining"
    for path in ("/readyz", "/health"):
        answer = asked.get(path)
        assert (answer.status_code, answer.json()["error"], answer.json()["code"]) == (
            503,
            "draining",
            "not_ready",
        )
    assert asked.get("/livez").status_code == 200


def test_information_is_of_the_version_and_of_the_worker(asked: Asked, tiny: Artifact) -> None:
    """Without the golden examples, which are rows of the training data."""
    before = asked.get("/info").json()
    assert (before["model"], before["version"], before["digest"]) == ("tiny", "3", tiny.digest)
    assert (before["device"], before["libraries"]["torch"]) == (None, None)
    assert [item["name"] for item in before["inputs"]] == ["width (mm)", "Höhe"]
    assert "golden" not in before
    asked.readiness.greeting = {"device": "cuda:0", "torch": "2.13.0", "cpu_capability": "AVX2"}
    after = asked.get("/info").json()
    assert (after["device"], after["libraries"]["torch"]) == ("cuda:0", "2.13.0")
    assert after["cpu_capability"] == "AVX2"


def test_information_says_how_the_version_decides(mixed: Artifact, tmp_path: Path) -> None:
    """The threshold is a number, with its rule beside it; what was left out; whether bits are kept."""
    info = serve(mixed, tmp_path).get("/info").json()
    assert (info["threshold"], info["threshold_rule"], info["positive"]) == (0.5, "f1", "yes")
    assert info["abstain"] == {"low": 0.45, "high": 0.55, "rule": "0.45:0.55"}
    assert info["calibration"]["kind"] == "platt"
    assert info["left_out"] == [{"column": "id", "reason": "an identifier"}]
    assert info["invariant"] is True
    assert info["trained_with"] == {"torch": "2.13.0", "numpy": "2.3.5"}
    assert [item["kind"] for item in info["inputs"]] == ["numeric", "boolean", "categorical"]
    assert info["inputs"][2]["categories"] == ["Bonn", "Ulm, alt"]
    assert info["metrics"]["validation"] is None


def test_a_version_of_the_first_format_is_told_in_the_same_words(asked: Asked) -> None:
    """With what it does not say left empty."""
    info = asked.get("/info").json()
    assert (info["threshold"], info["threshold_rule"], info["positive"]) == (0.5, "given", "yes")
    assert (info["abstain"], info["left_out"], info["invariant"]) == (None, [], False)
    assert info["trained_with"] == {"torch": "2.13.0", "numpy": "2.3.5"}


def test_a_scrape_has_what_was_counted_until_then(asked: Asked) -> None:
    """This process's counts are brought to the files first."""
    answer = asked.get("/metrics")
    assert asked.flushed == 1
    assert "logitserve_metric_files_skipped" in answer.text


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nope", 404, "not_found"),
        ("GET", "/livez/", 404, "not_found"),
        ("GET", "/redoc", 404, "not_found"),
        ("POST", "/livez", 405, "method_not_allowed"),
        ("BREW", "/livez", 405, "method_not_allowed"),
        ("GET", "/predict", 405, "method_not_allowed"),
    ],
)
def test_an_unknown_path_or_method_has_the_one_form(
    asked: Asked, method: str, path: str, status: int, code: str
) -> None:
    """It is counted under no name that the client chose."""
    answer = asked.ask(method, path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert asked.counted == [(UNMATCHED, "other", status)]
    if status == 405:
        assert answer.headers["allow"] == ("POST" if path == "/predict" else "GET, HEAD")
