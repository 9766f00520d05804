"""Services for the end-to-end tests."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.running import Service


@pytest.fixture
def start(store: Path, tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Start services with the given settings; they end with the test."""
    running: list[Service] = []

    def start(*, ready: bool = True, limit: Callable[[], None] | None = None, **settings: Any) -> Service:
        where = settings.pop("model_store", store)
        service = Service(where, tmp_path / f"service-{len(running)}.log", settings, limit)
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
