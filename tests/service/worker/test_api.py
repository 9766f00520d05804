"""What LitServe hosts: the first version loaded before it is ready, or ended with a reason for main."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from models.artifact import Artifact
from models.errors import StoreError
from service import logs
from service.library.staged import discard, stage
from service.run_directory import metrics_path, take_reason
from service.settings import Settings
from service.wire.results import Results
from service.worker import api as module
from service.worker.api import ModelAPI
from service.worker.loop import FrameLoop
from tests.service import mixed as by_hand

Setup = Callable[[str | None], ModelAPI]
ROWS = np.array([[3.25, 1, 0], [1, 0, 3]], np.float32)


@pytest.fixture
def published(tmp_path: Path) -> Artifact:
    """A version that is staged."""
    found = by_hand.publish(tmp_path / "store")
    stage(tmp_path, found)
    return found


@pytest.fixture
def setup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Setup]:
    """Set up worker 3, with a first version or none."""
    monkeypatch.setenv("LITSERVE_WORKER_ID", "3")
    monkeypatch.setattr(module, "die_with", lambda _: None)
    monkeypatch.setattr(logs, "configure", lambda _: None)
    metrics_path(tmp_path).mkdir()
    with contextlib.ExitStack() as stack:

        def make(first: str | None) -> ModelAPI:
            made = ModelAPI(Settings(), tmp_path, FrameLoop(tmp_path))
            made.first = first
            stack.callback(lambda: made.alarm.close())  # noqa: PLW0108 - it is made by `setup`
            made.setup("cpu")
            return made

        yield make


def test_the_first_version_is_loaded_from_its_copy(setup: Setup, published: Artifact, tmp_path: Path) -> None:
    """Before the worker is ready; so it answers, whatever becomes of the copy."""
    api = setup(published.digest)
    assert take_reason(tmp_path, 3) is None
    discard(tmp_path, published.digest)
    results = Results(api.predict(bytes.fromhex(published.digest), ROWS, explain=False), 2, 2, 3)
    assert list(results.probabilities(0, 1)) == [
        pytest.approx(published.manifest.golden[0].probabilities, abs=1e-6)
    ]


def test_a_worker_without_a_first_version_is_ready(setup: Setup, published: Artifact) -> None:
    """Nothing may be loaded yet; the first frame of a version loads it."""
    api = setup(None)
    assert api.predict(bytes.fromhex(published.digest), ROWS, explain=False)


@pytest.mark.parametrize(
    ("gone", "said"), [(True, "No such file or directory"), (False, "golden examples are missed")]
)
def test_a_worker_that_cannot_start_leaves_its_reason_and_ends(
    setup: Setup, tmp_path: Path, gone: bool, said: str
) -> None:
    """One line for main, in which what is wrong stands."""
    golden = by_hand.answers(by_hand.WEIGHTS, by_hand.publish(tmp_path / "other").manifest)
    off = (golden[0].model_copy(update={"probabilities": (0.5, 0.5)}), *golden[1:])
    wrong = by_hand.publish(tmp_path / "store", golden=off)
    if not gone:
        stage(tmp_path, wrong)
    with pytest.raises(SystemExit) as ended:
        setup(wrong.digest)
    assert ended.value.code == 1
    reason = take_reason(tmp_path, 3)
    assert reason is not None
    assert said in reason
    assert "\n" not in reason


def test_an_explanation_travels_only_when_it_is_asked_for(setup: Setup, published: Artifact) -> None:
    """It doubles the work of a batch, and more."""
    api, digest = setup(published.digest), bytes.fromhex(published.digest)
    bare, explained = (api.predict(digest, ROWS, explain=explain) for explain in (False, True))
    assert (len(bare), len(explained)) == (2 * 2 * 4, 2 * 2 * 4 + (1 + 2 * 3) * 8)
    results = Results(explained, 2, 2, 3)
    assert list(results.probabilities(0, 2)) == list(Results(bare, 2, 2, 3).probabilities(0, 2))
    assert results.explanation(0) == pytest.approx((-0.3, 0.5 * (3.25 - 3.5), 1, 0.1, 0.675), rel=1e-6)


def test_a_version_without_its_copy_is_not_scored(setup: Setup) -> None:
    """The batch fails, and its requests with it."""
    with pytest.raises(StoreError):
        setup(None).predict(bytes(32), ROWS, explain=False)
