"""What the service's unit tests share: nothing that starts a process."""

import asyncio
import time
from collections.abc import Iterator

import pytest

from tests.service.virtual_time import VirtualLoop


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> Iterator[VirtualLoop]:
    """A virtual loop that is also what `time.monotonic` and `asyncio.get_running_loop` tell."""
    made = VirtualLoop()
    monkeypatch.setattr(time, "monotonic", made.time)
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: made)
    yield made
    made.close()
