"""Counters whose series come and go."""

from pathlib import Path

import psutil
import pytest
from prometheus_client import CollectorRegistry

from service.metrics.ledger import Declared
from service.metrics.scrape import TolerantCollector
from tests.service.ledgers import Counted, open_ledger

ROWS = Declared("logitserve_rows", "Rows scored.", ("model", "version"))


def told(folder: Path) -> dict[tuple[str, str], float]:
    """Return what a scrape of the folder tells, by model and version."""
    return {
        (sample.labels["model"], sample.labels["version"]): sample.value
        for family in Counted(folder).collect()
        for sample in family.samples
    }


def test_a_series_begins_at_zero_and_counts(tmp_path: Path) -> None:
    """Under its labels, whatever is in them."""
    registry = CollectorRegistry()
    with open_ledger(tmp_path, registry) as ledger:
        for amount in (0, 3, 4):
            ledger.add(ROWS.key('a "b"\n', "3"), amount)
    labels = {"model": 'a "b"\n', "version": "3"}
    assert registry.get_sample_value("logitserve_rows_total", labels) == 7


def test_the_next_process_of_a_slot_goes_on(tmp_path: Path) -> None:
    """And slots are summed."""
    for slot, amount in (("api-0", 1), ("api-1", 20), ("api-0", 300)):
        with open_ledger(tmp_path, slot=slot) as ledger:
            ledger.add(ROWS.key("tiny", "3"), amount)
    assert told(tmp_path) == {("tiny", "3"): 321}


def test_what_is_over_is_forgotten_and_the_rest_goes_on(tmp_path: Path) -> None:
    """In the file too, which a scrape reads at any moment; a version that comes back begins anew."""
    with open_ledger(tmp_path) as ledger:
        for version in ("3", "4"):
            ledger.add(ROWS.key("tiny", version), 5)
        before = (tmp_path / "counter_api-0.versions.db").stat().st_ino
        ledger.forget(lambda labels: labels["version"] == "9")
        assert (tmp_path / "counter_api-0.versions.db").stat().st_ino == before
        ledger.forget(lambda labels: labels["version"] == "3")
        assert told(tmp_path) == {("tiny", "4"): 5}
        for version in ("3", "4"):
            ledger.add(ROWS.key("tiny", version), 2)
        assert told(tmp_path) == {("tiny", "3"): 2, ("tiny", "4"): 7}
    assert [each.name for each in tmp_path.iterdir()] == ["counter_api-0.versions.db"]


def test_where_the_file_cannot_be_written_anew_counting_goes_on(tmp_path: Path) -> None:
    """As when a cleaner of old files took the folder away: nothing is lost to who counts."""
    folder = tmp_path / "metrics"
    folder.mkdir()
    with open_ledger(folder) as ledger:
        ledger.add(ROWS.key("tiny", "3"), 5)
        folder.rename(tmp_path / "gone")
        ledger.forget(lambda _: True)
        ledger.add(ROWS.key("tiny", "3"), 2)
    assert told(tmp_path / "gone") == {("tiny", "3"): 7}


@pytest.mark.parametrize("torn", [b"\x08", b"\x40\x00\x00\x00" + b"\xff" * 60])
def test_a_torn_file_is_begun_anew(tmp_path: Path, torn: bytes) -> None:
    """As a process leaves it that is killed while it opens it: the next one must start."""
    (tmp_path / "counter_api-0.versions.db").write_bytes(torn)
    with open_ledger(tmp_path) as ledger:
        ledger.add(ROWS.key("tiny", "3"), 1)
    assert told(tmp_path) == {("tiny", "3"): 1}


def test_a_scrape_misses_a_process_whose_own_file_is_not_there(tmp_path: Path) -> None:
    """Its ledger is not that file."""
    with open_ledger(tmp_path) as ledger:
        ledger.add(ROWS.key("tiny", "3"), 1)
    families = TolerantCollector(tmp_path, ["api-0"], [], {}, lambda *_: False, "id").collect()
    [skipped] = [each for each in families if each.name == "logitserve_metric_files_skipped"]
    assert skipped.samples[0].value == 1


def test_a_thousand_versions_leave_nothing_behind(tmp_path: Path) -> None:
    """Neither in the file nor in memory."""
    with open_ledger(tmp_path) as ledger:
        process = psutil.Process()

        def serve(first: int, last: int) -> None:
            for version in range(first, last):
                ledger.add(ROWS.key("tiny", str(version)), 1)
                if version % 50 == 0:
                    ledger.forget(lambda labels, version=version: int(labels["version"]) < version - 50)

        serve(0, 500)
        before = process.memory_full_info().uss, (tmp_path / "counter_api-0.versions.db").stat().st_size
        serve(500, 3000)
        assert process.memory_full_info().uss - before[0] < 400_000
        assert (tmp_path / "counter_api-0.versions.db").stat().st_size == before[1]
