"""What is written down for training: whole lines, within bounds, and nobody waits for them."""

import json
import logging
import multiprocessing
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from models.repository import Artifact, Repository
from service import capture
from service.capture import BOUNDS, Capture, Kind
from service.rotation import Bounds, Rotation
from tests.e2e.running import wait_for
from training import builtin
from training.__main__ import main

TINY: dict[Kind, Bounds] = {
    "rows": Bounds(queue_bytes=1000, file_bytes=2000, folder_bytes=8000),
    "labels": Bounds(queue_bytes=100_000, file_bytes=2000, folder_bytes=100_000),
}


class Drops(Counter[Kind]):
    """Counts what it is told of."""

    def __call__(self, kind: Kind, count: int) -> None:
        self[kind] += count


def lines(folder: Path, kind: str) -> Iterator[dict[str, Any]]:
    """Yield the lines of all files of a kind, the oldest first."""
    for path in sorted(folder.glob(f"{kind}-*.jsonl")):
        raw = path.read_bytes()
        assert raw[-1:] in (b"", b"\n")
        yield from map(json.loads, raw.splitlines())


def test_lines_are_as_the_page_on_training_says(tmp_path: Path) -> None:
    """Cells keep their types, and times are UTC."""
    cells = {"petal length": 1.4, "n": 3, "ok": True, "city": "Köln\n", "gap": None, "big": 2**70}
    drops = Drops()
    written = Capture(tmp_path, "api-0", drops)
    written.row("0123456789abcdef", "iris", "3", cells)
    written.label("0123456789abcdef", "setosa")
    written.close()
    [row], [label] = lines(tmp_path, "rows"), lines(tmp_path, "labels")
    for line in (row, label):
        time = datetime.fromisoformat(line.pop("time"))
        assert abs((datetime.now(UTC) - time).total_seconds()) < 60
    assert row == {"id": "0123456789abcdef", "model": "iris", "version": "3", "inputs": cells}
    assert label == {"id": "0123456789abcdef", "label": "setosa"}
    assert not drops


def test_what_is_written_down_is_what_was_sent_then(tmp_path: Path) -> None:
    """Whoever changes the cells afterwards changes no line."""
    cells = {"x": 1}
    written = Capture(tmp_path, "api-0", Drops())
    written.row("a", "m", "1", cells)
    cells["x"] = 2
    written.close()
    assert [line["inputs"] for line in lines(tmp_path, "rows")] == [{"x": 1}]


def test_nothing_is_made_before_the_first_line(tmp_path: Path) -> None:
    """Neither a file nor a thread, which a fork would not have."""
    before = threading.active_count()
    written = Capture(tmp_path / "f", "api-0", Drops())
    assert threading.active_count() == before
    written.close()
    assert not (tmp_path / "f").exists()


def test_a_line_comes_to_the_file_by_itself(tmp_path: Path) -> None:
    """Soon, and without a second one, again and again."""
    written = Capture(tmp_path, "api-0", Drops())
    for number in range(1, 4):
        written.label(str(number), "a")
        wait_for(lambda: sum(1 for _ in lines(tmp_path, "labels")) == number)  # noqa: B023 - it is called at once
    written.close()


def test_a_full_queue_drops_and_counts(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What is not written is told of, line by line; the log says it at once, and the rest at the end."""
    drops = Drops()
    written = Capture(tmp_path, "api-0", drops, TINY)
    with caplog.at_level(logging.WARNING):
        for number in range(1000):
            written.row(str(number), "m", "1", {"x": number})
        told = len(caplog.records)
        written.close()
    found = [line["id"] for line in lines(tmp_path, "rows")]
    assert found == [str(number) for number in range(len(found))]
    assert drops == {"rows": 1000 - len(found)}
    assert 0 < len(found) < 1000
    assert told == 1
    assert [record.getMessage() for record in caplog.records] == [
        f"{tmp_path}: dropped {count} rows: they come faster than they are written"
        for count in (1, drops["rows"] - 1)
    ]


def test_rows_do_not_crowd_labels_out(tmp_path: Path) -> None:
    """They wait in a queue of their own, and are kept in files of their own."""
    drops = Drops()
    written = Capture(tmp_path, "api-0", drops, TINY)
    for number in range(500):
        written.row(str(number), "m", "1", {"x": "y" * 900})
        written.label(str(number), "a")
    written.close()
    assert drops["rows"] > 0
    assert drops["labels"] == 0
    assert [line["id"] for line in lines(tmp_path, "labels")] == [str(number) for number in range(500)]


@pytest.mark.parametrize("cells", [{"x": object()}, {"x": "\ud800"}, {1j: 1}])
def test_what_is_no_json_is_dropped(tmp_path: Path, cells: dict[str, object]) -> None:
    """And raises nothing."""
    drops = Drops()
    written = Capture(tmp_path, "api-0", drops)
    written.row("a", "m", "1", cells)
    written.row("b", "m", "1", {"x": 1})
    written.close()
    assert drops == {"rows": 1}
    assert [line["id"] for line in lines(tmp_path, "rows")] == ["b"]


def test_a_disk_that_stands_still_holds_nobody_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither who writes lines, nor, for long, the end; what does not fit is dropped."""
    stuck, released = threading.Event(), threading.Event()

    def stand_still(*_: object) -> None:
        stuck.set()
        assert released.wait(60)

    monkeypatch.setattr(Rotation, "write", stand_still)
    monkeypatch.setattr(capture, "CLOSE_S", 0.05)
    drops = Drops()
    written = Capture(tmp_path, "api-0", drops, TINY)
    written.row("first", "m", "1", {})
    assert stuck.wait(60)
    for number in range(1000):
        written.row(str(number), "m", "1", {"x": number})
    written.close()
    assert not released.is_set()
    assert drops["rows"] > 900
    released.set()
    assert written._thread is not None
    written._thread.join(60)
    assert not written._thread.is_alive()


def test_a_disk_that_refuses_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What it refused is dropped and counted, and the reason is said."""
    monkeypatch.setattr(capture, "RETRY_S", 0.001)
    drops = Drops()
    folder = tmp_path / "f"
    folder.touch()
    written = Capture(folder, "api-0", drops)
    written.label("a", "x")
    wait_for(lambda: drops)
    folder.unlink()
    written.label("b", "x")
    written.close()
    assert [line["id"] for line in lines(folder, "labels")] == ["b"]
    assert drops == {"labels": 1}
    assert [record.getMessage() for record in caplog.records] == [f"{folder}: dropped 1 labels: File exists"]


def test_nothing_is_taken_after_the_end(tmp_path: Path) -> None:
    """It is dropped, as a request may still be answered then."""
    drops = Drops()
    written = Capture(tmp_path, "api-0", drops)
    written.close()
    written.label("a", "x")
    written.close()
    assert drops == {"labels": 1}
    assert list(lines(tmp_path, "labels")) == []


def write_many(folder: Path, slot: int) -> None:
    """Write 3,000 rows and labels in a process of its own."""
    bounds: dict[Kind, Bounds] = {
        "rows": Bounds(queue_bytes=1 << 20, file_bytes=20_000, folder_bytes=200_000),
        "labels": Bounds(queue_bytes=1 << 20, file_bytes=20_000, folder_bytes=1 << 20),
    }
    drops = Drops()
    written = Capture(folder, f"api-{slot}", drops, bounds)
    for number in range(3000):
        written.row(f"{slot}-{number}", "m", "1", {"x": number})
        written.label(f"{slot}-{number}", "a")
    written.close()
    assert not drops


def test_forked_processes_share_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each writes files of its own; all labels are there, and of the rows what the folder may hold."""
    monkeypatch.setattr(capture, "WRITE_BYTES", 5000)
    writers = [
        multiprocessing.get_context("fork").Process(target=write_many, args=(tmp_path, slot))
        for slot in range(3)
    ]
    for each in writers:
        each.start()
    for each in writers:
        each.join(60)
    assert [each.exitcode for each in writers] == [0, 0, 0]
    assert Counter(line["id"] for line in lines(tmp_path, "labels")) == {
        f"{slot}-{number}": 1 for slot in range(3) for number in range(3000)
    }
    assert list(lines(tmp_path, "rows"))
    held = sum(path.stat().st_size for path in tmp_path.glob("rows-*"))
    assert held <= 200_000 + 3 * (20_000 + 5000)


def test_the_bounds_are_those_that_are_documented() -> None:
    """On the page on training; a GiB for both kinds, and the oldest file is a 64th of what is kept."""
    page = " ".join((Path(__file__).parents[2] / "docs" / "training.md").read_text().split())
    rows, labels = BOUNDS["rows"], BOUNDS["labels"]
    assert f"{rows.file_bytes >> 20} MiB of rows or {labels.file_bytes >> 20} MiB of labels" in page
    assert f"{rows.folder_bytes >> 20} MiB of rows and {labels.folder_bytes >> 20} MiB of labels" in page
    assert sum(each.folder_bytes for each in BOUNDS.values()) == 1 << 30
    assert {each.folder_bytes // each.file_bytes for each in BOUNDS.values()} == {64}


def test_what_was_written_down_is_trained_on(tmp_path: Path, artifact: Artifact) -> None:
    """The rows of the default model, and their labels, give its weights again."""
    data = builtin.load("breast-cancer")
    drops = Drops()
    for slot in range(2):
        written = Capture(tmp_path / "captured", f"api-{slot}", drops)
        for number, (row, label) in enumerate(zip(data.rows, data.labels, strict=True)):
            if number % 2 == slot:
                written.row(
                    f"{number:016x}",
                    "breast-cancer",
                    "1",
                    dict(zip(data.names, map(float, row), strict=True)),
                )
            else:
                written.label(f"{number:016x}", label)
        written.close()
    assert not drops
    store = tmp_path / "store"
    options = ["--target", artifact.manifest.data.target, "--quiet"]
    assert main(["--data", str(tmp_path / "captured"), "--store", str(store), *options]) == 0
    found = Repository(store).resolve("breast-cancer")
    assert found.manifest.data.rows == artifact.manifest.data.rows
    assert found.manifest.classes == artifact.manifest.classes
    assert [item.name for item in found.manifest.inputs] == data.names
    ours, theirs = (safetensors.numpy.load(each.read("model.safetensors")) for each in (found, artifact))
    assert ours.keys() == theirs.keys()
    for name, values in theirs.items():
        np.testing.assert_allclose(ours[name], values, rtol=1e-5, err_msg=name)
