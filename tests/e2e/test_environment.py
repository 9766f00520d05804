"""Where it runs: read-only and foreign places, lost metric files, hidden devices."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.e2e.running import Service, wait_for

ROW = [1.0] * 30


def metric_files(run_dir: Path) -> Path:
    """Return where a service with this run directory keeps its metrics."""
    return run_dir / "metrics"


def test_lost_metric_files_cost_no_request(start: Callable[..., Service], tmp_path: Path) -> None:
    """With the metric directory wiped, predictions go on and the scrape says that files are missing."""
    service = start(run_dir=tmp_path / "run", api_servers=1)
    assert service.predict(ROW).status_code == 200
    assert service.metric("metric_files_skipped") == 0
    shutil.rmtree(metric_files(tmp_path / "run"))
    assert service.predict(ROW).status_code == 200
    assert service.http.get("/metrics").status_code == 200
    assert service.metric("metric_files_skipped") >= 1


@pytest.fixture(scope="module")
def scraped(share: Callable[..., Service], tmp_path_factory: pytest.TempPathFactory) -> Service:
    """A service of one HTTP process that has answered one prediction."""
    service = share(run_dir=tmp_path_factory.mktemp("scraped") / "run", api_servers=1)
    assert service.predict(ROW).status_code == 200
    return service


@pytest.mark.parametrize(
    "content", [b"", b"\x07", b"\x40\0\0\0" + b"\xff" * 60], ids=["empty", "torn", "nonsense"]
)
def test_an_unreadable_metric_file_makes_a_partial_scrape(scraped: Service, content: bytes) -> None:
    """A file that a killed process left half made is skipped and counted; the totals of others stay."""
    half_made = metric_files(scraped.settings["run_dir"]) / "counter_api-9.db"
    half_made.write_bytes(content)
    assert scraped.metric("metric_files_skipped") == 1
    assert scraped.metric("http_requests_total", route="/predict") == 1
    half_made.unlink()
    assert scraped.metric("metric_files_skipped") == 0


def test_a_restarted_http_process_goes_on_with_the_totals(
    start: Callable[..., Service], tmp_path: Path
) -> None:
    """Totals do not fall, and no file is added, when an HTTP process is replaced."""
    service = start(run_dir=tmp_path / "run", api_servers=1)
    for _ in range(5):
        assert service.predict(ROW).status_code == 200
    assert service.metric("rows_total") == 5
    files = sorted(metric_files(tmp_path / "run").iterdir())
    [api] = service.apis()
    api.kill()
    wait_for(lambda: [other.pid for other in service.apis()] not in ([], [api.pid]))
    wait_for(service.ready)
    assert httpx.post(f"{service.url}/predict", json={"instances": [ROW]}).status_code == 200
    assert service.metric("rows_total") == 6
    assert sorted(metric_files(tmp_path / "run").iterdir()) == files


def test_it_serves_without_home_and_with_hidden_devices(
    start: Callable[..., Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No HOME, and an empty CUDA_VISIBLE_DEVICES, which means the CPU: /info says so."""
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    service = start()
    assert service.predict(ROW).status_code == 200
    assert service.http.get("/info").json()["device"] == "cpu"


@pytest.mark.skipif(
    os.cpu_count() == 1 or shutil.which("taskset") is None, reason="needs two cores, and taskset"
)
def test_there_is_one_http_process_a_usable_core(start: Callable[..., Service]) -> None:
    """Of those that it may use, not of those that the machine has; /info says what the limit is."""
    service = start(prefix=("taskset", "-c", str(min(os.sched_getaffinity(0)))))
    assert service.http.get("/info").json()["cores"] == {"usable": 1, "reason": "the process's CPU affinity"}
    assert len(service.apis()) == 1


def test_it_writes_only_in_its_run_directory(start: Callable[..., Service], tmp_path: Path) -> None:
    """With a read-only root and no temporary directory it serves, and ends cleanly."""
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    mounts = f"mount --bind {run_dir} {run_dir} && mount -o remount,bind,ro / && "
    prefix = ("unshare", "--mount", "sh", "-c", mounts + 'exec env TMPDIR=/nowhere "$@"', "sh")
    if shutil.which("unshare") is None or subprocess.run([*prefix, "true"], check=False).returncode:
        pytest.skip("no mount namespace here")
    service = start(run_dir=run_dir, prefix=prefix)
    assert service.predict(ROW).status_code == 200
    assert service.stop() == 0
