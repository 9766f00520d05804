"""The model as LitServe hosts it: pinned, or ended with a reason for main; its runtime is a test's."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from models.artifact import Artifact
from models.repository import Repository
from service import logs
from service.run_directory import take_reason
from service.settings import Settings
from service.wire.results import Results
from service.worker import api as module
from service.worker.api import ModelAPI
from service.worker.loop import FrameLoop


@pytest.fixture
def published(tmp_path: Path, mixed: Artifact) -> Artifact:
    """A version in a store of its own; its files are a few bytes."""
    files = {"model.pt": b"scripted", "model.safetensors": b"weights"}

    def describe(version: int, digests: Any) -> Any:
        return mixed.manifest.model_copy(update={"version": version, "files": digests})

    return Repository(tmp_path / "store").publish("tiny", files, describe)


Setup = Callable[..., ModelAPI]


@pytest.fixture
def setup(tmp_path: Path, published: Artifact, monkeypatch: pytest.MonkeyPatch) -> Setup:
    """Set the model up as worker 3 does, with this runtime."""
    monkeypatch.setenv("LITSERVE_WORKER_ID", "3")
    monkeypatch.setattr(module, "die_with", lambda _: None)
    monkeypatch.setattr(logs, "configure", lambda _: None)

    def make(runtime: Any, artifact: Artifact = published) -> ModelAPI:
        monkeypatch.setitem(sys.modules, "service.worker.runtime", SimpleNamespace(Runtime=runtime))
        made = ModelAPI(Settings(model_store=tmp_path / "store"), artifact, tmp_path, FrameLoop(tmp_path))
        made.setup("cpu")
        return made

    return make


def test_the_version_that_main_pinned_is_loaded(setup: Setup, published: Artifact, tmp_path: Path) -> None:
    """Whatever CURRENT says by then."""
    Repository(tmp_path / "store").publish(
        "tiny",
        {"model.pt": b"other", "model.safetensors": b"other"},
        lambda version, digests: published.manifest.model_copy(update={"version": version, "files": digests}),
    )
    loaded: list[tuple[Artifact, str]] = []
    setup(lambda *given: loaded.append(given))
    assert loaded == [(published, "cpu")]
    assert take_reason(tmp_path, 3) is None


def fails(error: Exception) -> Callable[..., None]:
    """Return a runtime that cannot be made."""

    def runtime(*_: object) -> None:
        raise error

    return runtime


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (module.StartError("golden examples\n are missed"), "golden examples are missed"),
        (module.StoreError("its sha256 is another"), "its sha256 is another"),
        (
            RuntimeError("Traceback of TorchScript\n  many lines\nnot a zip archive"),
            "RuntimeError: not a zip archive",
        ),
        (MemoryError(), "MemoryError:"),
    ],
)
def test_a_worker_that_cannot_start_leaves_its_reason_and_ends(
    setup: Setup, tmp_path: Path, error: Exception, said: str
) -> None:
    """One line for main, in which what is wrong stands; of a traceback it is the last."""
    with pytest.raises(SystemExit) as ended:
        setup(fails(error))
    assert ended.value.code == 1
    assert take_reason(tmp_path, 3) == said


def test_a_version_that_changed_since_the_start_is_not_loaded(
    setup: Setup, published: Artifact, tmp_path: Path
) -> None:
    """All its files may fit each other and be others than main verified."""
    with pytest.raises(SystemExit):
        setup(fails(AssertionError("not to be loaded")), replace(published, digest="cd" * 32))
    assert take_reason(tmp_path, 3) == f"{published.path}: changed since the service started"


def test_an_explanation_travels_only_when_it_is_asked_for(setup: Setup) -> None:
    """It doubles the work of a batch, and more."""
    rows = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)
    runtime = SimpleNamespace(
        predict=lambda given: np.column_stack([1 - given[:, 0], given[:, 0]]),
        intercept=np.array([0.5]),
        contributions=lambda given: given[:, None].astype(np.float64),
    )
    api = setup(lambda *_: runtime)
    for explain in (False, True):
        packed = api.predict(rows, explain=explain)
        results = Results(packed, 2, 2, 2)
        assert list(results.probabilities(0, 2)) == [(0.0, 1.0), (-2.0, 3.0)]
        assert len(packed) == 2 * 2 * 4 + explain * (1 + 4) * 8
    assert results.explanation(1) == (0.5, 3.0, 4.0, 7.5)
