"""Columns that memory is not for."""

from pathlib import Path

import numpy as np
import pytest

from training.errors import DataError
from training.scratch import HELD_BYTES, Scratch


@pytest.mark.parametrize("most", [0, HELD_BYTES + 1])
def test_what_is_kept_stays_as_it_was(most: int) -> None:
    """Values of any type, also after they were forgotten, in memory and on disk."""
    scratch = Scratch(most, 4)
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
    scratch = Scratch(HELD_BYTES + 1, 1)
    scratch.keep(np.arange(1000))
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_takes_nothing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the variable that says where else."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "none"))
    with pytest.raises(DataError, match=r"none: No such file or directory, .*TMPDIR names another directory"):
        Scratch(HELD_BYTES + 1, 1)


def test_many_small_arrays_find_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each begins at a place of its own, which takes room as well."""
    monkeypatch.setattr("training.scratch.HELD_BYTES", 0)
    scratch = Scratch(3000 * 4, 3000)
    kept = [scratch.keep(np.full(1, place, np.float32)) for place in range(3000)]
    assert [each[0] for each in kept] == list(range(3000))


def test_what_was_kept_is_tidied_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """After TIDIED_BYTES, and not after each of many small ones."""
    monkeypatch.setattr("training.scratch.TIDIED_BYTES", 100)
    scratch = Scratch(HELD_BYTES + 1, 9)
    told = []
    for _ in range(6):
        scratch.keep(np.zeros(40, np.uint8))
        told.append(scratch.tidied())
    assert told == [False, False, True] * 2
