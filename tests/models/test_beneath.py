"""Look-ups beneath a root: as Linux's own, and nothing is left open."""

import contextlib
import ctypes
import errno
import fcntl
import os
import socket
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.beneath import Folder
from models.errors import StoreError

OPENAT2, RESOLVE_BENEATH = 437, 8
FOLDERS = (".", "a", "b", "a/b")
LINKS = [f"{folder}/{link}" for folder in FOLDERS for link in "lm"]
WAYS = st.lists(st.sampled_from(["a", "b", "f", "l", "m", "..", ".", ""]), min_size=1, max_size=4).map(
    "/".join
)
TREES = st.fixed_dictionaries({link: WAYS.filter(bool) for link in LINKS})
PATHS = WAYS.filter(lambda way: way and not way.startswith("/"))


def _system_inode(root: Path, path: str) -> int | None:
    """Ask openat2 what a path leads to beneath a root: its inode, or None where it refuses."""
    libc = ctypes.CDLL(None, use_errno=True)
    folder = os.open(root, os.O_PATH)
    how = (ctypes.c_uint64 * 3)(os.O_PATH, 0, RESOLVE_BENEATH)
    descriptor = libc.syscall(OPENAT2, folder, os.fsencode(path), how, ctypes.sizeof(how))
    os.close(folder)
    if descriptor < 0:
        return None
    inode = os.fstat(descriptor).st_ino
    os.close(descriptor)
    return inode


def _inode(root: Path, path: str) -> int | None:
    with contextlib.suppress(StoreError), Folder.root(root) as folder, folder.folder(path) as found:
        return os.fstat(found._chain[-1]).st_ino
    with contextlib.suppress(StoreError), Folder.root(root) as folder, folder.file(path) as stream:
        return os.fstat(stream.fileno()).st_ino
    return None


def _open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - the count is what is wanted


@given(tree=TREES, path=PATHS)
def test_it_leads_where_linux_says(tree: dict[str, str], path: str) -> None:
    """For any links and any path: what openat2 finds, or refused as it refuses; nothing stays open."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        if _system_inode(root, ".") is None:
            pytest.skip("there is no openat2")
        for folder in FOLDERS:
            (root / folder).mkdir(exist_ok=True)
            (root / folder / "f").touch()
        for link, target in tree.items():
            (root / link).symlink_to(target)
        before = _open_descriptors()
        assert _inode(root, path) == _system_inode(root, path)
        assert _open_descriptors() == before


def test_what_is_no_file_is_refused_without_a_look_inside(tmp_path: Path) -> None:
    """Pipes, which would wait for a writer, sockets, and folders; also behind a link."""
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listener, contextlib.chdir(tmp_path):
        listener.bind("socket")
        (tmp_path / "folder").mkdir()
        (tmp_path / "link").symlink_to("pipe")
        with Folder.root(tmp_path) as root:
            for name in ("pipe", "socket", "folder", "link"):
                with pytest.raises(StoreError, match=f"/{name}: not a regular file$"), root.file(name):
                    pass
            for name in ("pipe", "socket", "link"):
                with pytest.raises(StoreError, match=f"/{name}: not a folder$"), root.folder(name):
                    pass
    with pytest.raises(StoreError, match=r"/pipe: Not a directory$"), Folder.root(tmp_path / "pipe"):
        pass


def test_errors_leave_nothing_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even one in the middle of taking descriptors, nor one of whoever reads."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "file").touch()
    system_dup = os.dup
    spare = [True]

    def failing_dup(descriptor: int) -> int:
        if not spare.pop():
            raise OSError(24, "Too many open files")
        return system_dup(descriptor)

    before = _open_descriptors()
    with Folder.root(tmp_path) as root, root.folder("a") as folder:
        inside = _open_descriptors()
        with pytest.raises(ValueError, match="read"), folder.file("file"):
            raise ValueError("read")
        spare[:] = [False, True]
        monkeypatch.setattr(os, "dup", failing_dup)
        with pytest.raises(StoreError, match=r"/a/b: Too many open files$"), folder.folder("b"):
            pass
        assert _open_descriptors() == inside
    assert _open_descriptors() == before


def test_a_folder_that_is_moved_or_replaced_stays_the_one_that_was_opened(tmp_path: Path) -> None:
    """What was opened is read, and what its links climb through is where it was then."""
    (tmp_path / "store" / "old" / "in").mkdir(parents=True)
    (tmp_path / "store" / "old" / "in" / "link").symlink_to("../file")
    (tmp_path / "store" / "old" / "file").write_text("old")
    (tmp_path / "file").write_text("outside")
    with Folder.root(tmp_path / "store") as root, root.folder("old/in") as folder:
        (tmp_path / "store" / "old" / "in").rename(tmp_path / "in")
        (tmp_path / "store" / "old" / "in").mkdir()
        assert folder.names() == ["link"]
        assert folder.has("link")
        with folder.file("link") as stream:
            assert stream.read() == b"old"


def test_where_there_are_no_locks_one_goes_on_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on some NFS; where there are, nobody else gets it. Any other error is one."""
    other = os.open(tmp_path, os.O_RDONLY)
    system_flock, refused = fcntl.flock, errno.ENOLCK

    def failing_flock(_descriptor: int, _how: int) -> None:
        raise OSError(refused, os.strerror(refused))

    try:
        with Folder.root(tmp_path) as root:
            with root.locked(), pytest.raises(BlockingIOError):
                system_flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
            system_flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
            monkeypatch.setattr(fcntl, "flock", failing_flock)
            entered = 0
            with root.locked():
                entered += 1
            assert entered == 1
            refused = errno.EIO
            with pytest.raises(OSError, match="Input/output error"), root.locked():
                pass
    finally:
        os.close(other)
