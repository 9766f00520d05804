"""A store that a kubelet mounts, and mounts anew while it is served."""

from collections.abc import Callable
from pathlib import Path

from tests.e2e.running import Service, wait_for
from tests.models.kubelet import mount, tree

ROW = [1.0] * 30


def test_a_worker_comes_back_from_a_mount_that_was_replaced(
    start: Callable[..., Service], store: Path, tmp_path: Path
) -> None:
    """Links through `..data` are served; after each update of the same version the next worker finds it."""
    mount(tmp_path / "mounted", tree(store))
    first = (tmp_path / "mounted" / "..data").readlink()
    service = start(model_store=tmp_path / "mounted")
    answer = service.predict(ROW)
    assert answer.status_code == 200
    mount(tmp_path / "mounted", tree(store))
    assert (tmp_path / "mounted" / "..data").readlink() != first
    [worker] = service.workers()
    worker.kill()
    wait_for(lambda: service.metric("worker_restarts_total") == 1 and service.metric("worker_up") == 1, 60)
    assert service.predict(ROW).json()["predictions"] == answer.json()["predictions"]
    assert service.stop() == 0
