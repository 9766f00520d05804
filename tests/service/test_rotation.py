"""Files of lines: begun, filled, deleted, and what a disk that refuses leaves."""

import os
import resource
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from service.rotation import FORM, Bounds, Rotation

LINE = b"x" * 99 + b"\n"
SMALL = Bounds(queue_bytes=1000, file_bytes=1000, folder_bytes=4000)


def files(folder: Path) -> list[str]:
    """Return the names of a folder's files, the oldest first."""
    return sorted((path.name for path in folder.iterdir()), key=lambda name: name.rpartition("-")[2])


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Have the system refuse what would make a file of this process larger."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_file_is_the_owners_alone_and_says_what_it_is(tmp_path: Path) -> None:
    """Its kind, its slot and its time; the folder is made."""
    rotation = Rotation(tmp_path / "a" / "b", "rows", "api-0", SMALL)
    assert not (tmp_path / "a").exists()
    rotation.write([b"1\n", b"2\n"])
    rotation.write([b"3\n"])
    rotation.close()
    [path] = (tmp_path / "a" / "b").iterdir()
    assert path.read_bytes() == b"1\n2\n3\n"
    assert FORM.fullmatch(path.name)
    assert path.name.startswith("rows-api-0-20")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_full_file_is_followed_by_another(tmp_path: Path) -> None:
    """And so is one that was closed: nobody appends to what an earlier process wrote."""
    rotation = Rotation(tmp_path, "rows", "api-0", SMALL)
    for _ in range(25):
        rotation.write([LINE])
    assert [(tmp_path / name).stat().st_size for name in files(tmp_path)] == [1000, 1000, 500]
    rotation.close()
    rotation.write([LINE])
    rotation.close()
    assert len(files(tmp_path)) == 4


def test_the_oldest_files_of_all_slots_go(tmp_path: Path) -> None:
    """By the time in their names, and so many that the folder holds what it may."""
    slots = [Rotation(tmp_path, "rows", f"api-{number}", SMALL) for number in range(2)]
    for _ in range(100):
        for each in slots:
            each.write([LINE])
        held = sum((tmp_path / name).stat().st_size for name in files(tmp_path))
        assert held <= SMALL.folder_bytes + SMALL.file_bytes
    assert len(files(tmp_path)) in (4, 5)
    assert {name[:10] for name in files(tmp_path)} == {"rows-api-0", "rows-api-1"}
    for each in slots:
        each.close()


def test_nothing_but_files_of_the_own_form_and_kind_is_deleted(tmp_path: Path) -> None:
    """Neither labels, nor what has nearly such a name, nor a folder or link that has it."""
    time = "20200101T000000.000000Z"
    target = tmp_path / "target"
    others = [
        f"labels-api-0-{time}.jsonl",
        f"rows-api-0-{time}.jsonl.gz",
        f"rows-api-0-{time}.json",
        f"rows-{time}.jsonl",
        f"arrows-api-0-{time}.jsonl",
        "rows-api-0-20200101.jsonl",
        "rows.jsonl",
        target.name,
    ]
    for name in others:
        (tmp_path / name).write_bytes(LINE * 50)
    (tmp_path / f"rows-folder-{time}.jsonl").mkdir()
    (tmp_path / f"rows-link-{time}.jsonl").symlink_to(target)
    (tmp_path / f"rows-api-7-{time}.jsonl").write_bytes(LINE * 50)
    before = set(files(tmp_path))
    rotation = Rotation(tmp_path, "rows", "api-0", SMALL)
    rotation.write([LINE])
    rotation.close()
    assert before - set(files(tmp_path)) == {f"rows-api-7-{time}.jsonl"}


def test_starts_without_end_do_not_make_files_without_end(tmp_path: Path) -> None:
    """A file of one short line counts more than it holds."""
    for _ in range(300):
        rotation = Rotation(tmp_path, "rows", "api-0", SMALL)
        rotation.write([b"\n"])
        rotation.close()
    assert len(files(tmp_path)) < 64 * 4


def test_a_file_that_somebody_deleted_is_followed_by_another(tmp_path: Path) -> None:
    """What is written to it would be lost; and so is the folder."""
    rotation = Rotation(tmp_path / "f", "rows", "api-0", SMALL)
    for _ in range(3):
        rotation.write([LINE])
        [path] = (tmp_path / "f").iterdir()
        assert path.read_bytes() == LINE
        path.unlink()
        path.parent.rmdir()
    rotation.close()


def test_a_disk_that_refuses_leaves_a_torn_last_line(tmp_path: Path) -> None:
    """The lines that were not written are told, and the next write begins a file."""
    rotation = Rotation(tmp_path, "rows", "api-0", SMALL)
    rotation.write([LINE])
    lines = [LINE, LINE, LINE]
    with largest_file(250), pytest.raises(OSError, match="too large"):
        rotation.write(lines)
    assert lines == [LINE, LINE]
    rotation.write(lines)
    rotation.close()
    first, second = (tmp_path / name for name in files(tmp_path))
    assert first.read_bytes() == LINE * 2 + LINE[:50]
    assert second.read_bytes() == LINE * 2


def test_a_disk_that_takes_nothing_leaves_no_file(tmp_path: Path) -> None:
    """However often it is tried; and no descriptor."""
    rotation = Rotation(tmp_path, "rows", "api-0", SMALL)
    before = os.listdir("/proc/self/fd")  # noqa: PTH208 - their number is what matters
    for _ in range(3):
        with largest_file(0), pytest.raises(OSError, match="too large"):
            rotation.write([LINE])
    assert files(tmp_path) == []
    assert len(os.listdir("/proc/self/fd")) == len(before)  # noqa: PTH208 - as above


def test_a_folder_that_is_none_refuses(tmp_path: Path) -> None:
    """With an error of the system, as a disk does."""
    (tmp_path / "f").touch()
    with pytest.raises(OSError, match="exists"):
        Rotation(tmp_path / "f", "rows", "api-0", SMALL).write([LINE])
