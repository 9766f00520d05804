"""What the tests of processes share."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.service.host.scene import Scene


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Scene]]:
    """Set a scene, whose time is the only one."""

    def make(**more: Any) -> Scene:
        scene = Scene(tmp_path, monkeypatch, **more)
        stack.enter_context(scene.listener)
        stack.callback(scene.deployment.close)
        return scene

    with contextlib.ExitStack() as stack:
        yield make
