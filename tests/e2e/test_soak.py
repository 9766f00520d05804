"""A long run with everything that goes wrong in it; SOAK_S seconds, 60 by default."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.running import Service
from tests.load import soak

SECONDS = float(os.environ.get("SOAK_S", "60"))
LONG_S = 600
"""Shorter runs say nothing of memory: allocators and caches settle in the first minutes."""


@pytest.mark.slow
def test_a_soak_fails_no_good_request(start: Callable[..., Service], faults: Path) -> None:
    """At 70 % load, 5 % of it bad and a worker killed every 20 s: every answer is right, nothing grows."""
    service = start(model_store=faults, model="slow", **soak.SETTINGS)
    came = asyncio.run(soak.soak(service, SECONDS, kill_every_s=20))
    assert not came.failed(), came.report()
    assert came.killed >= SECONDS // 20 - 1
    assert service.metric("worker_restarts_total", reason="signal") == came.killed
    if SECONDS >= LONG_S:
        assert came.memory_slope() < 1
    assert came.footprints[-1].descriptors <= came.footprints[0].descriptors + 10
    assert service.stop() == 0
