"""Signals while the service starts."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.e2e.running import Service, wait_for

MOMENTS_S = (0.0, 0.2, 0.5, 0.8, 1.2, 1.6, 2.0)
"""From the first imports to nearly ready, on whatever machine: each is a moment of some kind."""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The temporary directory of what is started."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


@pytest.mark.parametrize("after_s", MOMENTS_S)
def test_ctrl_c_while_starting_is_one_line(
    start: Callable[..., Service], temporary: Path, after_s: float
) -> None:
    """It reaches the whole group, at any moment: exit 130, no traceback, no process and no file left."""
    service = start(ready=False)
    # Python's own start, before any of our lines, is not ours to guard.
    wait_for(lambda: any("pydantic_core" in found.path for found in service.main.memory_maps()))
    time.sleep(after_s)  # not a wait for a condition: the moment is what is tried
    ready = service.ready()
    tree = service.tree()
    os.killpg(service.main.pid, signal.SIGINT)
    status = service.main.wait(30)
    _, alive = psutil.wait_procs(tree, 5)
    assert not alive
    assert "Traceback" not in service.log()
    assert not list(temporary.iterdir())
    if not ready and status != 0:  # it may have become ready in between
        assert status == 130
        assert service.log().count("interrupted while starting") == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_the_group_while_starting_ends_it(
    start: Callable[..., Service], temporary: Path, number: int
) -> None:
    """Without a traceback of anyone, and with nothing left."""
    service = start(ready=False)
    wait_for(service.main.children)
    wait_for(lambda: list(temporary.iterdir()))  # the run directory
    tree = service.tree()
    os.killpg(service.main.pid, number)
    assert service.main.wait(30) == 0
    _, alive = psutil.wait_procs(tree, 5)
    assert not alive
    assert "Traceback" not in service.log()
    assert not list(temporary.iterdir())
