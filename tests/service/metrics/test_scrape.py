"""One scrape of all processes' files, torn ones included."""

from pathlib import Path

import pytest
from prometheus_client.mmap_dict import MmapedDict, mmap_key

from service.metrics.scrape import TolerantCollector

KEY = mmap_key("logitserve_rows", "logitserve_rows_total", ["model"], ["tiny"], "Rows scored.")


def count(directory: Path, slot: str, value: float, key: str = KEY) -> Path:
    """Write the metric file of one process."""
    path = directory / f"counter_{slot}.db"
    written = MmapedDict(str(path))
    written.write_value(key, value, 0.0)
    written.close()
    return path


def scrape(directory: Path, *slots: str) -> tuple[float, float]:
    """Return the rows of all processes, and how many files could not be read."""
    families = {family.name: family for family in TolerantCollector(directory, slots).collect()}
    rows = families.get("logitserve_rows")
    [skipped] = families["logitserve_metric_files_skipped"].samples
    return (rows.samples[0].value if rows else 0), skipped.value


def test_totals_are_those_of_all_processes(tmp_path: Path) -> None:
    """Nothing is missing when each has its file."""
    for slot, value in (("main", 1), ("api-0", 20), ("api-1", 300)):
        count(tmp_path, slot, value)
    assert scrape(tmp_path, "api-0", "api-1") == (321, 0)


@pytest.mark.parametrize("torn", [b"", b"\x08", b"\x40\x00\x00\x00" + b"\xff" * 60])
def test_a_torn_file_is_left_out_and_said(tmp_path: Path, torn: bytes) -> None:
    """As a process leaves it that is killed while it opens it; the others are scraped."""
    count(tmp_path, "api-0", 20)
    (tmp_path / "gauge_sum_api-0.db").write_bytes(torn)
    assert scrape(tmp_path, "api-0") == (20, 1)


def test_a_file_with_a_torn_name_is_left_out_and_said(tmp_path: Path) -> None:
    """Its numbers are nobody's."""
    count(tmp_path, "api-0", 20)
    count(tmp_path, "main", 300, KEY[:-10])
    assert scrape(tmp_path, "api-0") == (20, 1)


def test_a_process_without_a_file_is_said(tmp_path: Path) -> None:
    """Of slot 1 that of 11 is none; and so is one that cannot be read."""
    count(tmp_path, "api-11", 1)
    assert scrape(tmp_path, "api-1", "api-11") == (1, 1)
    count(tmp_path, "api-1", 1).write_bytes(b"")
    assert scrape(tmp_path, "api-1", "api-11") == (1, 2)
