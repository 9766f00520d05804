"""Columns of text that memory may not be for."""

import os
import resource
import signal
from pathlib import Path

import pyarrow as pa
import pytest

from training import spill
from training.errors import DataError
from training.spill import Spill


@pytest.mark.parametrize(("held_bytes", "group_bytes"), [(0, 0), (0, 40), (100, 40), (1 << 20, 1 << 20)])
def test_columns_are_what_was_added(
    held_bytes: int, group_bytes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever part of them is on disk, where no name tells of it."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(spill, "HELD_BYTES", held_bytes)
    monkeypatch.setattr(spill, "GROUP_BYTES", group_bytes)
    found = Spill(2)
    texts = [[f"{number} größe" for number in range(first, first + 3)] for first in range(0, 60, 3)]
    for each in texts:
        found.add([pa.array(each), pa.array(["", "x", ""])])
    found.end()
    assert found.rows == 60
    assert found.column(0).to_pylist() == [text for each in texts for text in each]
    assert found.column(1).to_pylist() == ["", "x", ""] * 20
    assert found.column(1).type == pa.string()
    assert list(tmp_path.iterdir()) == []


def test_no_rows_are_columns_too() -> None:
    """Empty ones, as a file with nothing but a header has."""
    found = Spill(1)
    found.end()
    assert found.column(0) == pa.chunked_array([], pa.string())


def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the variable that says where else; the limit of a file's size stands for the disk's."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(spill, "HELD_BYTES", 0)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, before[1]))
    try:
        found = Spill(1)
        with pytest.raises(DataError, match=r"File too large, .*TMPDIR names another directory") as caught:
            found.add([pa.array([os.urandom(8).hex() for _ in range(20_000)])])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert str(caught.value).startswith(f"{tmp_path}: ")
