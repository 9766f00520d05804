"""What the service's unit tests share: nothing that starts a process."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.artifact import Artifact
from models.manifest import Manifest
from tests.service.virtual_time import VirtualLoop


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> Iterator[VirtualLoop]:
    """A virtual loop that is also what `time.monotonic` and `asyncio.get_running_loop` tell."""
    made = VirtualLoop()
    monkeypatch.setattr(time, "monotonic", made.time)
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: made)
    yield made
    made.close()


@pytest.fixture
def tiny() -> Artifact:
    """A version with the inputs `width (mm)` and `Höhe`, the classes `no` and `yes`, and no files."""
    text = (Path(__file__).parents[1] / "models" / "manifest.v1.json").read_bytes()
    return Artifact(Path("/nowhere/tiny/3"), Manifest.from_json(text), "ab" * 32)


@pytest.fixture(scope="session")
def mixed() -> Artifact:
    """A version with a number, a truth and a category, each with gaps, that may abstain; and no files."""
    text = (Path(__file__).parents[1] / "models" / "manifest.v2.json").read_bytes()
    return Artifact(Path("/nowhere/tiny/3"), Manifest.from_json(text), "cd" * 32)
