"""The last hour's rows beside training's, in process."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.artifact import Artifact
from service.drift.columns import columns
from service.drift.histogram import Histogram
from service.drift.reader import Reader
from service.drift.totals import Layout, Totals
from tests.service.answering import answering, numbered
from tests.service.app.asked import Asked, serve

PATH = "/models/tiny/drift"
WIDE, NARROW = [4.0, 1, 0], [3.0, 0, 3]
"""Rows that training had half of, and rows that are narrower, false, and of towns that it had not."""


def worker(folder: Path, artifact: Artifact, slot: int = 0) -> Totals:
    """Return what a worker of a slot counts a version with."""
    manifest = artifact.manifest
    every = tuple(columns(manifest, range(len(manifest.inputs))))
    layout = Layout(manifest.name, str(manifest.version), artifact.digest, manifest.classes, every)
    return Totals(folder, slot, layout)


def count(totals: Totals, artifact: Artifact, rows: list[list[float]], yes: float) -> None:
    """Have a worker count rows that are `yes` with this probability."""
    places = range(len(artifact.manifest.inputs))
    probabilities = np.array([[1 - yes, yes]] * len(rows), np.float32)
    totals.add(Histogram(artifact.manifest, places).counts(np.array(rows, np.float32), probabilities))


@pytest.fixture
def asked(mixed: Artifact, tmp_path: Path) -> Asked:
    """The app of the mixed version, whose workers count in a folder."""
    made = serve(mixed, tmp_path)
    made.drift = Reader(tmp_path)
    return made


def found(asked: Asked, path: str = PATH) -> dict[str, Any]:
    """Return what is told."""
    answer = asked.get(path)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_before_any_row_all_columns_are_there(asked: Asked, mixed: Artifact, tmp_path: Path) -> None:
    """With training's shares; there is nothing to compare."""
    worker(tmp_path, mixed)
    body = found(asked)
    assert {key: value for key, value in body.items() if key != "columns"} == {
        "model": "tiny",
        "version": "3",
        "window_s": 3600,
        "rows": 0,
        "expected": None,
    }
    assert [column["column"] for column in body["columns"]] == ["width (mm)", "geprüft", "city", "no", "yes"]
    width = body["columns"][0]
    bins = width.pop("bins")
    assert width == {
        "kind": "input",
        "column": "width (mm)",
        "unit": "mm",
        "reference_rows": 90,
        "psi": None,
        "bound": None,
        "drifted": False,
    }
    assert bins[1] == {"bin": "-1e-300..3.5", "rows": 0, "share": 0, "reference": 0.45, "beyond": False}
    assert asked.flushed == 1


def test_rows_are_told_beside_training_and_the_worst_column_first(
    asked: Asked, mixed: Artifact, tmp_path: Path
) -> None:
    """Over all workers, with what the quality should be."""
    workers = [worker(tmp_path, mixed, slot) for slot in (0, 1)]
    for _ in range(9):
        count(workers[0], mixed, [WIDE, NARROW] * 50, 0.9)
        count(workers[1], mixed, [NARROW] * 100, 0.25)
    body = found(asked)
    assert body["rows"] == 1800
    by_name = {column["column"]: column for column in body["columns"]}
    city = {each["bin"]: each for each in by_name["city"]["bins"]}
    assert (city["Bonn"]["rows"], city["Bonn"]["share"], city["Bonn"]["reference"]) == (450, 0.25, 0.5)
    assert (city["unseen"]["rows"], city["unseen"]["reference"]) == (1350, 0)
    assert [name for name, each in city.items() if each["beyond"]] == ["Ulm, alt", "unseen"]
    for column in body["columns"]:
        assert sum(each["rows"] for each in column["bins"]) == 1800
        assert sum(each["share"] for each in column["bins"]) == pytest.approx(1)
    worst = [
        (
            column["drifted"],
            any(each["beyond"] for each in column["bins"]),
            column["psi"] / column["bound"],
        )
        for column in body["columns"]
    ]
    assert worst == sorted(worst, reverse=True)
    assert worst[0][0]
    expected = body["expected"]
    assert expected["confusion"] == {
        "no": {"no": pytest.approx(0.375), "yes": pytest.approx(0.125)},
        "yes": {"no": pytest.approx(0.05), "yes": pytest.approx(0.45)},
    }
    assert expected["brier"] == pytest.approx((0.9 * 0.1 + 0.25 * 0.75) / 2)
    entropy = [-p * np.log(p) - (1 - p) * np.log(1 - p) for p in (0.9, 0.25)]
    assert expected["log_loss"] == pytest.approx(np.mean(entropy))


def test_a_version_of_the_first_format_has_no_reference_for_scores(tiny: Artifact, tmp_path: Path) -> None:
    """They are told without a verdict."""
    asked = serve(tiny, tmp_path)
    asked.drift = Reader(tmp_path)
    count(worker(tmp_path, tiny), tiny, [[1, 2]] * 5, 0.9)
    [score] = [column for column in found(asked)["columns"] if column["column"] == "yes"]
    assert (score["reference_rows"], score["psi"], score["bound"]) == (0, None, None)
    assert {(each["reference"], each["beyond"]) for each in score["bins"]} == {(None, False)}
    assert sum(each["rows"] for each in score["bins"]) == 5


def test_a_version_is_named_or_the_current_one(mixed: Artifact, tmp_path: Path) -> None:
    """The last one is current."""
    versions = [numbered(mixed, number) for number in (3, 4)]
    asked = serve(answering(*versions), tmp_path)
    asked.drift = Reader(tmp_path)
    for rows, version in enumerate(versions, 1):
        count(worker(tmp_path, version), version, [WIDE] * rows, 0.5)
    told = [found(asked, path) for path in (PATH, f"{PATH}?version=3", f"{PATH}?version=4")]
    assert [(body["version"], body["rows"]) for body in told] == [("4", 2), ("3", 1), ("4", 2)]


@pytest.mark.parametrize(
    "path", ["/models/other/drift", "/models/Tiny/drift", f"{PATH}?version=9", f"{PATH}?version=03"]
)
def test_what_does_not_answer_is_not_found(asked: Asked, mixed: Artifact, tmp_path: Path, path: str) -> None:
    """Names are compared, not looked up."""
    worker(tmp_path, mixed)
    answer = asked.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_what_is_not_counted_is_not_found(asked: Asked) -> None:
    """As where it is turned off: no worker made a file."""
    answer = asked.get(PATH)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert answer.json()["error"] == "drift is not counted"


def test_the_scrape_has_what_the_workers_counted(
    asked: Asked, mixed: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside all other metrics; a version leaves it some time after it answered last."""
    count(worker(tmp_path, mixed), mixed, [WIDE] * 7, 0.5)
    count(worker(tmp_path, numbered(mixed, 2)), mixed, [WIDE] * 5, 0.5)
    sampled = "logitserve_drift_sampled_rows_total"
    old, new = (f'{sampled}{{model="tiny",version="{number}"}} {rows}\n' for number, rows in ((2, 5), (3, 7)))
    text = asked.get("/metrics").text
    assert f"# TYPE {sampled} counter\n{old}{new}" in text
    monkeypatch.setattr("service.catalogue.SHOWN_S", -1)
    text = asked.get("/metrics").text
    assert f"# TYPE {sampled} counter\n{new}" in text
    assert old not in text
