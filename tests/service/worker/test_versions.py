"""The versions of a worker: loaded from staged copies, tried in children that may die of them."""

import os
import select
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from models.artifact import Artifact
from models.errors import StoreError
from service.errors import StartError
from service.library.staged import discard, stage
from service.library.table import Refusal
from service.worker import versions as module
from service.worker.versions import MOST_SAID, Versions, refusal
from tests.service import mixed as by_hand
from tests.service.worker import stepped

ROWS = np.array([[3.25, 1, 0]], np.float32)
GRACE_S = 20.0


@pytest.fixture
def published(tmp_path: Path) -> Artifact:
    """A version that is staged."""
    found = by_hand.publish(tmp_path / "store")
    stage(tmp_path, found)
    return found


@pytest.fixture
def digest(published: Artifact) -> bytes:
    """By which frames name it."""
    return bytes.fromhex(published.digest)


@pytest.fixture
def versions(tmp_path: Path) -> Versions:
    """What a worker holds at its start."""
    return Versions(tmp_path, "cpu", stepped.off(tmp_path))


def off(published: Artifact, tmp_path: Path) -> Artifact:
    """Return a version that misses its golden examples."""
    golden = published.manifest.golden
    wrong = golden[0].model_copy(update={"probabilities": (0.5, 0.5)})
    found = by_hand.publish(tmp_path / "off", golden=(wrong, *golden[1:]))
    stage(tmp_path, found)
    return found


def test_a_version_is_loaded_when_it_is_first_asked_for(
    versions: Versions, published: Artifact, digest: bytes, tmp_path: Path
) -> None:
    """Once, from its copy: later nobody reads a file."""
    found = versions[digest].predict(ROWS)
    np.testing.assert_allclose(found[0], published.manifest.golden[0].probabilities, atol=1e-6)
    discard(tmp_path, published.digest)
    assert versions[digest] is versions[digest]


def test_what_is_forgotten_is_loaded_anew_if_it_is_asked_for(versions: Versions, digest: bytes) -> None:
    """And forgetting twice, or what was never held, is nothing."""
    before = versions[digest]
    versions.forget(digest)
    versions.forget(digest)
    assert versions[digest] is not before


def test_loading_says_why_a_version_cannot_be_held(
    versions: Versions, published: Artifact, digest: bytes, tmp_path: Path
) -> None:
    """By a reason that is counted and a line that people read; it is not held then."""
    assert versions.load(digest) is None
    missed = versions.load(bytes.fromhex(off(published, tmp_path).digest))
    assert missed is not None
    assert missed.reason == "golden"
    assert "golden examples are missed by" in missed.message
    missing = versions.load(bytes(32))
    assert missing is not None
    assert missing.reason == "broken"
    with pytest.raises(StoreError):
        versions[bytes(32)]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (StartError("golden examples\n are missed"), Refusal("golden", "golden examples are missed")),
        (StoreError("its sha256 is another"), Refusal("broken", "its sha256 is another")),
        (
            RuntimeError("Traceback of TorchScript\n  many lines\nnot a zip archive"),
            Refusal("unusable", "RuntimeError: not a zip archive"),
        ),
        (MemoryError(), Refusal("memory", "MemoryError:")),
        (
            RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes."),
            Refusal(
                "memory",
                "RuntimeError: DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes.",
            ),
        ),
        (ValueError("x" * 10_000), Refusal("unusable", ("ValueError: " + "x" * 10_000)[:MOST_SAID])),
    ],
)
def test_a_refusal_is_one_line(error: Exception, told: Refusal) -> None:
    """In which what is wrong stands; of a traceback it is the last."""
    assert refusal(error) == told


# Trials


def outcome(versions: Versions, digest: bytes) -> Refusal | None:
    """Return what comes of a trial."""
    trial = versions.try_out(digest)
    assert trial is not None
    readable, _, _ = select.select([trial.fd], [], [], GRACE_S)
    assert readable
    found = trial.end()
    with pytest.raises(ChildProcessError):  # it is not left to anyone
        os.waitpid(trial.pid, os.WNOHANG)
    return found


def in_child(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Have the child of a trial do this when it loads a version."""
    monkeypatch.setattr(Versions, "check", lambda *_: act())


def test_a_good_version_passes_its_trial(versions: Versions, digest: bytes) -> None:
    """The worker does not hold it for that, so it can be tried again: it was loaded in the child."""
    for _ in range(2):
        assert outcome(versions, digest) is None


def test_a_version_that_misses_its_golden_examples_fails_its_trial(
    versions: Versions, published: Artifact, tmp_path: Path
) -> None:
    """With the reason that loading gives."""
    found = outcome(versions, bytes.fromhex(off(published, tmp_path).digest))
    assert found is not None
    assert found.reason == "golden"


def test_a_version_without_its_copy_fails_its_trial(versions: Versions) -> None:
    """As it would fail to load."""
    found = outcome(versions, bytes(32))
    assert found is not None
    assert found.reason == "broken"


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL])
def test_a_version_that_kills_its_process_kills_a_child(
    versions: Versions, digest: bytes, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """By a bug in native code, or when the kernel takes its memory."""
    in_child(monkeypatch, lambda: os.kill(os.getpid(), number))
    assert outcome(versions, digest) == Refusal(
        "crashed", f"ended the process that tried it, with signal {number}"
    )


def test_a_version_that_ends_its_process_is_refused(
    versions: Versions, digest: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a word, and with whatever status."""
    in_child(monkeypatch, lambda: os._exit(0))
    assert outcome(versions, digest) == Refusal("crashed", "ended the process that tried it, with status 0")


def test_a_version_that_never_answers_is_ended(
    versions: Versions, digest: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the time of a trial is over."""
    monkeypatch.setattr(module, "TRY_S", 0.05)
    in_child(monkeypatch, signal.pause)
    found = outcome(versions, digest)
    assert found is not None
    assert found.reason == "timeout"


def test_a_version_that_is_too_large_is_told_from_one_that_is_broken(
    versions: Versions, digest: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine may be at fault, not the file."""

    def run_out(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(module, "Runtime", run_out)
    found = outcome(versions, digest)
    assert found is not None
    assert found.reason == "memory"


def test_what_is_held_needs_no_trial(versions: Versions, digest: bytes, tmp_path: Path) -> None:
    """Nor does a version on a device whose driver does not outlive a fork."""
    versions.load(digest)
    assert versions.try_out(digest) is None
    assert Versions(tmp_path, "cuda:0", stepped.off(tmp_path)).try_out(digest) is None


def test_a_child_holds_none_of_the_workers_connections(
    versions: Versions, digest: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the worker dies its peers must hear of it, whatever the child is doing."""
    held, other = socket.socketpair()
    alive, child_end = os.pipe()
    in_child(monkeypatch, signal.pause)
    trial = versions.try_out(digest)
    assert trial is not None
    try:
        os.close(child_end)
        held.close()
        other.settimeout(GRACE_S)
        assert other.recv(1) == b""
        assert os.read(alive, 1) == b""
        assert select.select([trial.fd], [], [], 0)[0] == []  # it still tries
    finally:
        os.kill(trial.pid, signal.SIGKILL)
        trial.end()
        os.close(alive)
        other.close()
