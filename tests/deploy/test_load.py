"""The load of `make load` against a real service, and the search and arithmetic of `make capacity`."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.load.capacity import FIRST_RATE, HALVINGS, STEP_BACK, bodies, measure, search, stay_s
from deploy.load.sizing import HEADROOM, Measured, derive
from tests.e2e.running import Service

KINDS = {"by position", "by name", "v2 JSON", "v2 binary", "bad row"}


def test_locust_speaks_each_way_and_its_exit_status_is_the_slo(service: Service, tmp_path: Path) -> None:
    """No request of any kind fails, bad rows are refused, and an SLO of 0 ms is told by name and status."""
    refused = {"route": "/predict", "code": "422"}
    before = service.metric("http_requests_total", **refused)
    results = ["--results", str(tmp_path)]
    load = ["--seconds", "4", "--peak-users", "4", "--slo-p99-ms", "0"]
    command = [sys.executable, "-m", "deploy.load", "--host", service.url, *results, *load]
    run = subprocess.run(command, capture_output=True, check=False)
    assert run.returncode == 1, run.stderr.decode()
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert set(summary["by_request"]) == KINDS
    assert summary["error_ratio"] == 0
    assert any("over 0" in fault for fault in summary["broken"])
    bad = summary["by_request"]["bad row"]["count"]
    assert service.metric("http_requests_total", **refused) - before == bad
    assert b"<html" in (tmp_path / "report.html").read_bytes()


def test_reports_that_cannot_be_written_are_refused(tmp_path: Path) -> None:
    """By the flag, before anything starts."""
    (tmp_path / "file").touch()
    command = [sys.executable, "-m", "deploy.load", "--results", str(tmp_path / "file" / "x")]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    assert said.returncode == 2
    assert said.stderr.endswith(f"error: --results {tmp_path / 'file' / 'x'}: Not a directory\n")


def test_a_rate_is_measured_from_both_ends(service: Service) -> None:
    """Every request is answered, and the service says how long they stayed."""
    before, log = stay_s(service.url), []
    result = measure(service.url, bodies(service.url), rate=100, seconds=0.5, log=log)
    assert set(result.counts()) == {200}
    assert not result.wrong()
    stayed = stay_s(service.url) - before
    assert 0 < stayed < sum(sample.latency_s for sample in result.samples)
    assert [run["rate_per_s"] for run in log] == [100]


@pytest.mark.parametrize("limit", [90, 130, 1_234, 40_000])
def test_the_search_ends_just_under_the_limit(limit: int) -> None:
    """What it finds is good, and no more than the step of the last halving under the limit."""
    found = search(lambda rate: rate <= limit)
    assert found <= limit < found * (1 + 2 / 2**HALVINGS) + FIRST_RATE / 2**HALVINGS


def test_a_rate_that_does_not_hold_is_stepped_back_from() -> None:
    """A rate that was good once but not three times more is not the answer."""
    asked: dict[float, int] = {}

    def good(rate: float) -> bool:
        asked[rate] = asked.get(rate, 0) + 1
        return rate <= 900 or (rate <= 1_000 and asked[rate] == 1)

    found = search(good)
    assert found <= 900
    assert found > 900 * STEP_BACK


def test_no_rate_at_all_is_said() -> None:
    """When nothing is within the SLO there is no figure."""
    with pytest.raises(RuntimeError, match="no rate"):
        search(lambda _: False)


@pytest.mark.parametrize("rate", [90, 4_001, 7_312.5])
def test_a_full_queue_empties_in_the_longest_wait(rate: float) -> None:
    """Retry-After is not rounded up twice."""
    assert derive(Measured(rate, 0.002, processes=2), wanted_per_s=1)["retry_after_s"] == 1


def test_the_settings_follow_littles_law() -> None:
    """In flight is rate times stay, a full queue empties in the longest wait, pods carry what is wanted."""
    found = derive(Measured(rate_per_s=4000, mean_s=0.002, processes=2), wanted_per_s=1_000_000)
    assert found["hpa_in_flight_per_pod"] == round(HEADROOM * 4000 * 0.002)
    assert found["SERVICE_MAX_PENDING"] == 2000
    assert found["retry_after_s"] == 1
    assert (found["replicas"] - 1) * HEADROOM * 4000 >= 1_000_000 > (found["replicas"] - 2) * HEADROOM * 4000
