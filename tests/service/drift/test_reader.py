"""What all workers counted, from their files."""

import logging
import time
from pathlib import Path

import numpy as np
import pytest

from service.drift.reader import Reader
from service.drift.totals import MARK_S, Layout, Totals
from service.run_directory import drift_path, drift_paths


def layout(number: int, digest: str, model: str = "tiny") -> Layout:
    """Return that of a version without inputs."""
    return Layout(model, str(number), digest * 32, ("no", "yes"), ())


def count(folder: Path, slot: int, of: Layout, rows: float) -> Totals:
    """Have a worker count."""
    totals = Totals(folder, slot, of)
    totals.add(np.full(of.width, rows))
    return totals


def told(reader: Reader) -> dict[tuple[str, str], float]:
    """Return the rows of each version."""
    return {(each.layout.model, each.layout.version): each.now()[0] for each in reader.versions()}


def test_workers_are_summed(tmp_path: Path) -> None:
    """Version by version, in their order; what is counted later is there without a new file."""
    reader = Reader(tmp_path)
    assert reader.versions() == []
    first = count(tmp_path, 0, layout(4, "ab"), 1)
    count(tmp_path, 1, layout(4, "ab"), 20)
    count(tmp_path, 11, layout(4, "ab"), 300)
    count(tmp_path, 0, layout(3, "cd"), 5)
    count(tmp_path, 0, layout(9, "ef", "an"), 6)
    wanted = {("an", "9"): 6.0, ("tiny", "3"): 5.0, ("tiny", "4"): 321.0}
    assert list(told(reader).items()) == list(wanted.items())
    found = reader.versions()[2]
    first.add(np.ones(found.layout.width))
    assert found.now().tolist() == found.window().tolist() == [322] * found.layout.width


def test_a_number_that_was_published_again_is_the_last_one_that_was_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under its digest, and over all workers that hold it."""
    times = iter(range(1000, 9000))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(times)))
    count(tmp_path, 0, layout(3, "cd"), 1)
    count(tmp_path, 0, layout(3, "ab"), 20)
    count(tmp_path, 1, layout(3, "ab"), 300)
    [found] = Reader(tmp_path).versions()
    assert (found.layout.digest, found.now()[0]) == ("ab" * 32, 320)
    count(tmp_path, 1, layout(3, "01"), 4000)
    [found] = Reader(tmp_path).versions()
    assert (found.layout.digest, found.now()[0]) == ("01" * 32, 4000)
    count(tmp_path, 0, layout(3, "ab"), 5)  # and the one of before once more
    [found] = Reader(tmp_path).versions()
    assert (found.layout.digest, found.now()[0]) == ("ab" * 32, 325)


def test_files_of_versions_that_are_over_are_removed(tmp_path: Path) -> None:
    """Who has one open goes on, and a version that comes back begins anew."""
    reader, old = Reader(tmp_path), count(tmp_path, 0, layout(3, "ab"), 1)
    count(tmp_path, 1, layout(3, "ab"), 1)
    count(tmp_path, 0, layout(4, "cd"), 1)
    [before, _] = reader.versions()
    asked = []

    def is_over(model: str, version: str) -> bool:
        asked.append((model, version))
        return version == "3"

    reader.forget(is_over)
    assert sorted(asked) == [("tiny", "3")] * 2 + [("tiny", "4")]
    assert drift_paths(tmp_path) == [drift_path(tmp_path, 0, "cd" * 32)]
    old.add(np.ones(old.layout.width))
    assert before.now()[0] == 3
    assert told(reader) == {("tiny", "4"): 1}
    count(tmp_path, 0, layout(3, "ab"), 7)
    assert told(reader) == {("tiny", "3"): 7, ("tiny", "4"): 1}
    Reader(tmp_path).forget(is_over)  # another process, which has not looked yet
    assert len(drift_paths(tmp_path)) == 2


def test_two_processes_may_forget_at_once(tmp_path: Path) -> None:
    """Each removes what it knows."""
    count(tmp_path, 0, layout(3, "ab"), 1)
    readers = [Reader(tmp_path), Reader(tmp_path)]
    for reader in readers:
        reader.versions()
    for reader in readers:
        reader.forget(lambda *_: True)
    assert [reader.versions() for reader in readers] == [[], []]


def test_a_file_that_cannot_be_read_is_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """With a warning; the others count."""
    count(tmp_path, 0, layout(3, "ab"), 1)
    drift_path(tmp_path, 1, "ab" * 32).write_bytes(b"{}\n")
    drift_path(tmp_path, 2, "ab" * 32).mkdir()
    with caplog.at_level(logging.WARNING):
        assert told(Reader(tmp_path)) == {("tiny", "3"): 1}
    assert [record.name for record in caplog.records] == ["logitserve.drift"] * 2
    assert "drift-1." in caplog.text
    assert "Is a directory" in caplog.text


def test_a_window_is_over_all_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each with marks of its own."""
    now = [5000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    of = layout(3, "ab")
    old = count(tmp_path, 0, of, 1000)
    now[0] += 3600 - MARK_S
    count(tmp_path, 1, of, 20)
    now[0] += 2 * MARK_S
    old.add(np.full(of.width, 3.0))
    [found] = Reader(tmp_path).versions()
    assert found.window()[0] == 23
    assert found.now()[0] == 1023
