"""From publication to the end of a service: which version it serves, what it costs, how it stops."""

import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_iris

from models.cores import find_cores
from tests.e2e.running import Service, wait_for
from training.__main__ import main as train

ROW = [1.0] * 30
MAX_PSS_BYTES = 450_000_000
START_DEADLINE_S = 30


def test_what_training_publishes_is_served_without_a_restart(start: Any, store: Path, tmp_path: Path) -> None:
    """A running service takes the new version, and so do its next worker and the next service."""
    root = tmp_path / "store"
    shutil.copytree(store, root)
    service = start(model_store=root)
    assert service.predict(ROW).json()["version"] == "1"
    assert train(["--store", str(root), "--seed", "1", "--promote", "always"]) == 0
    wait_for(lambda: service.predict(ROW).json()["version"] == "2")
    [worker] = service.workers()
    worker.kill()
    wait_for(lambda: service.metric("worker_restarts_total") == 1)
    wait_for(service.ready)
    assert service.predict(ROW).json()["version"] == "2"
    assert service.stop() == 0
    renewed = start(model_store=root)
    assert renewed.predict(ROW).json()["version"] == "2"
    assert renewed.http.get("/info").json()["version"] == "2"


def test_three_classes_from_a_csv_are_served(start: Any, tmp_path: Path) -> None:
    """A CSV with a text target publishes a model that serves under the file's name."""
    iris = load_iris(as_frame=True)
    frame = iris.data.assign(species=iris.target_names[iris.target])
    frame.to_csv(tmp_path / "iris.csv", index=False)
    data = ["--data", str(tmp_path / "iris.csv"), "--target", "species"]
    assert train(["--store", str(tmp_path / "store"), *data]) == 0
    service = start(model_store=tmp_path / "store")
    answer = service.predict(*iris.data.to_numpy().tolist(), explain=True).json()
    assert answer["model"] == "iris"
    labels = [prediction["label"] for prediction in answer["predictions"]]
    assert (np.array(labels) == iris.target_names[iris.target]).mean() > 0.95
    for prediction in answer["predictions"]:
        assert prediction["label"] == max(prediction["probabilities"], key=prediction["probabilities"].get)
        assert sum(prediction["probabilities"].values()) == pytest.approx(1, abs=1e-6)
        for explanation in prediction["explanation"].values():
            total = explanation["intercept"] + sum(explanation["contributions"].values())
            assert total == pytest.approx(explanation["logit"], abs=1e-5)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(start: Any, number: int) -> None:
    """SIGTERM, and SIGINT as Ctrl-C sends it, end the service with status 0 and leave nothing."""
    service = start()
    assert service.predict(ROW).status_code == 200
    tree = service.tree()
    if number == signal.SIGINT:
        for process in tree[1:]:  # a terminal's Ctrl-C reaches the whole group
            process.send_signal(number)
    assert service.stop(number) == 0
    assert "Traceback" not in service.log()


@pytest.mark.skipif(torch.version.cuda is not None, reason="the libraries of CUDA are not")
def test_it_is_small(start: Any) -> None:
    """All processes together stay under 450 MB."""
    service = start()
    assert service.predict(ROW).status_code == 200
    assert sum(process.memory_full_info().pss for process in service.tree()) < MAX_PSS_BYTES


def test_a_store_without_models_is_refused_in_one_line(start: Any, tmp_path: Path) -> None:
    """No model, no service: one line says which is missing."""
    service = start(ready=False, model_store=tmp_path / "nothing")
    assert service.main.wait(START_DEADLINE_S) == 1
    [line] = service.log().splitlines()
    assert line.startswith("error: ")
    assert "nothing" in line


def test_a_flipped_byte_is_refused_before_torch_sees_it(start: Any, store: Path, tmp_path: Path) -> None:
    """A file that is not what its manifest says stops the start, by name."""
    root = tmp_path / "store"
    shutil.copytree(store, root)
    path = root / "breast-cancer" / "1" / "model.pt"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    service = start(ready=False, model_store=root)
    assert service.main.wait(START_DEADLINE_S) == 1
    [line] = service.log().splitlines()
    assert "model.pt" in line


@pytest.mark.parametrize(
    ("name", "value"), [("port", "0"), ("timeout_s", "-1"), ("max_pending", "many"), ("accelerator", "tpu")]
)
def test_a_bad_setting_is_refused_in_one_line(start: Any, name: str, value: str) -> None:
    """The line names the key, the value and what was wanted."""
    service = start(ready=False, **{name: value})
    assert service.main.wait(START_DEADLINE_S) == 2
    [line] = service.log().splitlines()
    assert line.startswith(f"error: SERVICE_{name.upper()}={value}: ")


def test_info_tells_what_is_served(service: Service, artifact: Any) -> None:
    """Model, version, digest, inputs, device, cores and libraries."""
    info = service.http.get("/info").json()
    assert (info["model"], info["version"], info["digest"]) == ("breast-cancer", "1", artifact.digest)
    assert [item["name"] for item in info["inputs"]] == [item.name for item in artifact.manifest.inputs]
    assert info["device"] == "cpu"
    assert info["cores"] == find_cores()._asdict()
    assert info["libraries"]["torch"].startswith("2.")
    assert info["metrics"]["test"]["accuracy"] > 0.9


def test_probes_answer_as_text(service: Service) -> None:
    """`/health`, `/livez` and `/readyz` say ok."""
    for path in ("/health", "/livez", "/readyz"):
        answer = service.http.get(path)
        assert (answer.status_code, answer.text) == (200, "ok")
