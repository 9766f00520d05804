"""Services for the end-to-end tests."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import faulty
from tests.e2e.running import Service


@pytest.fixture
def start(store: Path, tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Start services with the given settings; they end with the test."""
    running: list[Service] = []

    def start(
        *,
        ready: bool = True,
        limit: Callable[[], None] | None = None,
        prefix: tuple[str, ...] = (),
        **settings: Any,
    ) -> Service:
        where = settings.pop("model_store", store)
        service = Service(where, tmp_path / f"service-{len(running)}.log", settings, limit, prefix)
        running.append(service)
        if ready:
            service.wait_ready()
        return service

    yield start
    for service in running:
        service.close()


@pytest.fixture(scope="module")
def service(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with default settings that the tests of a module share; none may harm it."""
    shared = Service(store, tmp_path_factory.mktemp("service") / "service.log", {}, None)
    shared.wait_ready()
    yield shared
    shared.close()


@pytest.fixture(scope="session")
def faults(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of models that are fast or slow, and fail when asked to; two fail at their start."""
    root = tmp_path_factory.mktemp("faults")
    faulty.publish(root, "fast", 0)
    faulty.publish(root, "slow", faulty.SECONDS_PER_ROW)
    faulty.publish(root, "raises", 0, faulty.RAISES)
    faulty.publish(root, "hangs", 0, faulty.HANGS)
    return root
