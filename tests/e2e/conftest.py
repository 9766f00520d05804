"""Services for the end-to-end tests."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import faulty
from tests.e2e.running import Service


@contextlib.contextmanager
def _starting(store: Path, folder: Path) -> Iterator[Callable[..., Service]]:
    running: list[Service] = []

    def start(
        *,
        ready: bool = True,
        limit: Callable[[], None] | None = None,
        prefix: tuple[str, ...] = (),
        **settings: Any,
    ) -> Service:
        where = settings.pop("model_store", store)
        service = Service(where, folder / f"service-{len(running)}.log", settings, limit, prefix)
        running.append(service)
        if ready:
            service.wait_ready()
        return service

    try:
        yield start
    finally:
        for service in running:
            service.close()


@pytest.fixture
def start(store: Path, tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Start services with the given settings; they end with the test."""
    with _starting(store, tmp_path) as start:
        yield start


@pytest.fixture(scope="module")
def share(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Service]]:
    """Start services that the tests of a module share; none may harm them."""
    with _starting(store, tmp_path_factory.mktemp("shared")) as start:
        yield start


@pytest.fixture(scope="session")
def faults(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of models that are fast or slow, and fail when asked to; two fail at their start."""
    root = tmp_path_factory.mktemp("faults")
    faulty.publish(root, "fast", 0)
    faulty.publish(root, "slow", faulty.SECONDS_PER_ROW)
    faulty.publish(root, "raises", 0, faulty.RAISES)
    faulty.publish(root, "hangs", 0, faulty.HANGS)
    return root
