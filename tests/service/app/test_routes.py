"""Probes, information and unknown paths of a version, in process."""

from pathlib import Path

import pytest

from models.artifact import Artifact
from service.gate.accounting import UNMATCHED
from service.library.table import Refused
from tests.service.answering import Store, answering, numbered
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


def test_information_tells_every_version_and_what_was_refused(
    tiny: Artifact, mixed: Artifact, tmp_path: Path
) -> None:
    """What is served is the default model's current version."""
    store, new, other = Store(), numbered(tiny, 4), numbered(mixed, 1, "other")
    refused = Refused("other", 2, "ab" * 32, "golden", "row 2 is off by 0.1")
    nameless = Refused("gone", None, None, "missing", "there is no CURRENT")
    store.commit(1, tiny, new, other, refused=(refused, nameless))
    info = serve(store.catalogue(), tmp_path).get("/info").json()
    assert (info["model"], info["version"], info["digest"]) == ("tiny", "4", new.digest)
    assert info["models"] == [
        {"model": "tiny", "version": "3", "digest": tiny.digest, "current": False},
        {"model": "tiny", "version": "4", "digest": new.digest, "current": True},
        {"model": "other", "version": "1", "digest": other.digest, "current": True},
    ]
    assert info["refused"] == [refused._asdict() | {"version": "2"}, nameless._asdict()]


def test_information_has_a_digest_of_the_inputs(tiny: Artifact, mixed: Artifact, tmp_path: Path) -> None:
    """By which a client that sends rows by position sees that they are taken as before."""
    versions = (tiny, numbered(tiny, 4), numbered(mixed, 5, "tiny"))
    old, same, changed = (serve(each, tmp_path).get("/info").json()["inputs_digest"] for each in versions)
    assert old == same != changed


def test_information_follows_what_is_committed(tiny: Artifact, tmp_path: Path) -> None:
    """Nothing of it was made before."""
    store = Store()
    store.commit(1, tiny)
    asked = serve(store.catalogue(), tmp_path)
    assert asked.get("/info").json()["version"] == "3"
    store.commit(2, numbered(tiny, 4))
    assert asked.get("/info").json()["version"] == "4"


def test_without_the_default_model_there_is_no_information_of_it(
    tiny: Artifact, mixed: Artifact, tmp_path: Path
) -> None:
    """It was unloaded."""
    store = Store()
    store.commit(1, tiny, other := numbered(mixed, 1, "other"))
    store.commit(2, other)
    store.tables[2] = store.tables[2]._replace(default="tiny")
    answer = serve(store.catalogue(), tmp_path).get("/info")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_the_scrape_names_current_versions(tiny: Artifact, tmp_path: Path) -> None:
    """With what a worker said of itself."""
    asked = serve(answering(tiny, numbered(tiny, 4)), tmp_path)
    asked.readiness.greeting = {"device": "cpu", "torch": "2.13.0"}
    [line] = [
        line for line in asked.get("/metrics").text.splitlines() if line.startswith("logitserve_model_info{")
    ]
    assert 'version="4"' in line
    assert 'model="tiny"' in line
