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
    families = {
        family.name: family
        for family in TolerantCollector(directory, slots, [], {}, lambda *_: False, "id").collect()
    }
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


def of_version(version: str) -> str:
    """Return the key of a version's rows."""
    labels = ["model", "version"], ["tiny", version]
    return mmap_key("logitserve_rows", "logitserve_rows_total", *labels, "Rows scored.")


def test_series_of_a_version_that_is_over_are_left_out(tmp_path: Path) -> None:
    """The others stay, and so does what has no version."""
    for slot, key in (("api-0", of_version("3")), ("api-1", of_version("4")), ("main", KEY)):
        count(tmp_path, slot, 1, key)
    asked: list[tuple[str, str]] = []

    def is_over(model: str, version: str) -> bool:
        asked.append((model, version))
        return version == "3"

    [rows] = [
        family
        for family in TolerantCollector(tmp_path, (), [], {}, is_over, "id").collect()
        if family.name == "logitserve_rows"
    ]
    assert sorted(sample.labels.get("version", "") for sample in rows.samples) == ["", "4"]
    assert sorted(asked) == [("tiny", "3"), ("tiny", "4")]


def test_the_current_version_of_each_model_is_told_with_what_it_runs_on(tmp_path: Path) -> None:
    """Which only a worker knows: before the first has greeted nobody says anything."""
    current = [("tiny", 4, "ab" * 32), ("other", 1, "cd" * 32)]

    def info(greeting: dict[str, str]) -> list[dict[str, str]]:
        families = TolerantCollector(tmp_path, (), current, greeting, lambda *_: False, "id").collect()
        [found] = [family for family in families if family.name == "logitserve_model_info"]
        assert all(sample.value == 1 for sample in found.samples)
        return [sample.labels for sample in found.samples]

    assert info({}) == []
    on = {"device": "cpu", "torch": "2.13.0"}
    assert info(on | {"pid": "7"}) == [
        {"model": model, "version": str(number), "sha256": digest, **on} for model, number, digest in current
    ]
