"""Rows and labels of a running service, kept for the next training: from requests to a served version."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_iris
from tritonclient import http as triton

from models.repository import Repository
from tests.e2e.running import Service, wait_for
from tests.service import mixed as by_hand

Start = Callable[..., Service]


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """The file of a secret."""
    path = tmp_path / "secret"
    path.write_text("nobody else knows of it")
    return path


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """The folder in which rows and labels are kept."""
    path = tmp_path / "kept"
    path.mkdir()
    return path


def lines(folder: Path, kind: str) -> list[dict[str, Any]]:
    """Return what is kept so far."""
    return [
        json.loads(line)
        for file in sorted(folder.glob(f"{kind}-*"))
        for line in file.read_text().splitlines()
    ]


def tokens(answer: Any) -> list[str]:
    """Return the tokens of an answer to `/predict`."""
    assert answer.status_code == 200, answer.text
    return [each["feedback"] for each in answer.json()["predictions"] if "feedback" in each]


def test_rows_are_kept_as_they_were_sent(start: Start, secret: Path, kept: Path, tmp_path: Path) -> None:
    """By position, by name, with gaps and new texts, by tensors; without what was wrong or is no input."""
    manifest = by_hand.publish(tmp_path / "store").manifest
    service = start(model_store=tmp_path / "store", feedback_secret_file=secret, feedback_dir=kept)
    first, second, third = (item.name for item in manifest.inputs)
    sent = [[3.25, True, "Bonn"], [1e-3, None, None], [2, False, "  Aue "], [7.5, True, "never seen"]]
    answer = service.http.post(
        "/predict", json={"instances": [*sent, [1, 2, 3]], "on_error": "report", "explain": True}
    )
    given = tokens(answer)
    assert len(given) == len(sent)
    by_name = {first: 0.5, second: False, third: "Bonn"}
    ignored = dict.fromkeys(manifest.ignored, 1)
    assert ignored
    given += tokens(service.http.post("/predict", json={"instances": [by_name | ignored]}))
    texts = [{"name": name, "shape": [1], "datatype": kind, "data": [value]} for name, kind, value in (
        (first, "FP32", 0.25), (second, "BOOL", True), (third, "BYTES", "Ulm"))]  # fmt: skip
    wanted = [{"name": "feedback"}]
    path = f"/v2/models/{manifest.name}/infer"
    outputs = service.http.post(path, json={"inputs": texts, "outputs": wanted}).json()["outputs"]
    given += outputs[0]["data"]
    expected = [dict(zip((first, second, third), row, strict=True)) for row in sent]
    expected += [by_name, {first: 0.25, second: True, third: "Ulm"}]
    wait_for(lambda: len(lines(kept, "rows")) == len(expected))
    found = lines(kept, "rows")
    assert [each["inputs"] for each in sorted(found, key=lambda each: each["time"])] == expected
    assert {(each["model"], each["version"]) for each in found} == {(manifest.name, "1")}
    assert len({each["id"] for each in found}) == len(given)
    assert service.http.post("/predict", json={"instances": [[1, 2]]}).status_code == 422
    assert len(lines(kept, "rows")) == len(expected)


def test_a_service_trains_its_next_version(start: Start, secret: Path, kept: Path, tmp_path: Path) -> None:
    """Rows by JSON and by tensors, labels later and through both HTTP processes; the version is served."""
    iris = load_iris(as_frame=True)
    frame = iris.data.assign(species=iris.target_names[iris.target])
    frame.to_csv(tmp_path / "iris.csv", index=False)
    store = tmp_path / "store"

    def train(data: Path, *more: str) -> str:
        command = [
            sys.executable,
            "-m",
            "training",
            "--data",
            str(data),
            "--name",
            "iris",
            "--store",
            str(store),
        ]
        run = subprocess.run([*command, *more], capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stderr
        return run.stdout

    train(tmp_path / "iris.csv", "--target", "species")
    service = start(model_store=store, feedback_secret_file=secret, feedback_dir=kept, api_servers=2)
    values = iris.data.to_numpy()
    given = tokens(service.http.post("/predict", json={"instances": values[:100].tolist()}))
    client = triton.InferenceServerClient(f"127.0.0.1:{service.port}")
    tensor = triton.InferInput("features", [50, 4], "FP32")
    tensor.set_data_from_numpy(values[100:].astype(np.float32))
    answer = client.infer("iris", [tensor], outputs=[triton.InferRequestedOutput("feedback")])
    given += [token.decode() for token in answer.as_numpy("feedback").tolist()]
    items = [{"token": token, "label": label} for token, label in zip(given, frame.species, strict=True)]
    items = items[:125]  # of some no label ever comes
    for first in range(0, len(items), 25):
        taken = service.http.post("/feedback", json={"feedback": items[first : first + 25]})
        assert taken.json()["taken"] == 25
    again = service.http.post("/feedback", json={"feedback": items[:3]})
    assert again.json() == {"taken": 0, "repeated": 3, "late": 0}
    wait_for(lambda: (len(lines(kept, "rows")), len(lines(kept, "labels"))) == (150, 125))
    assert service.metric("capture_dropped_total") == 0
    said = train(kept, "--promote", "always")
    assert "125 joined" in said
    assert Repository(store).resolve("iris").manifest.version == 2
    wait_for(lambda: service.http.get("/info").json()["version"] == "2")


def test_a_folder_that_is_gone_stops_no_answer(start: Start, secret: Path, kept: Path) -> None:
    """It is made again; where that cannot be, what was to be kept is counted, until it can."""
    service = start(feedback_secret_file=secret, feedback_dir=kept)
    row = [1.0] * 30
    kept.rmdir()
    kept.touch()
    assert len(tokens(service.http.post("/predict", json={"instances": [row] * 5}))) == 5
    wait_for(lambda: service.metric("capture_dropped_total", kind="rows") == 5)
    kept.unlink()
    assert len(tokens(service.http.post("/predict", json={"instances": [row] * 2}))) == 2
    wait_for(lambda: len(lines(kept, "rows")) == 2)
