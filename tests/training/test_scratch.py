"""Columns that memory is not for."""

from pathlib import Path

import numpy as np
import pytest

from training.errors import DataError
from training.scratch import HELD_BYTES, Scratch


@pytest.mark.parametrize("most", [0, HELD_BYTES + 1])
def test_what_is_kept_stays_as_it_was(most: int) -> None:
    """Values of any type, also after they were forgotten, in memory and on disk."""
    scratch = Scratch(most)
    given = [np.arange(5, dtype=np.int8), np.arange(9.0)[::-2], np.empty(0, np.float32), np.arange(7)]
    kept = [scratch.keep(each) for each in given]
    scratch.forget()
    for one, other in zip(given, kept, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
    assert scratch.on_disk == (most > 0)


def test_nothing_is_left_in_the_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even while it is in use: the file has no name."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    scratch = Scratch(HELD_BYTES + 1)
    scratch.keep(np.arange(1000))
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_takes_nothing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the variable that says where else."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "none"))
    with pytest.raises(DataError, match=r"none: No such file or directory, .*TMPDIR names another directory"):
        Scratch(HELD_BYTES + 1)
