"""Folders and files beneath a root, wherever links lead. Knows nothing of what they hold.

It is Linux's RESOLVE_BENEATH, which Python does not have: each name is looked up in the folder that was
opened before it, and of a link only the text is followed, so nothing that changes meanwhile leads out.
"""

import contextlib
import errno
import fcntl
import io
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from models.errors import StoreError

MOST_LINKS = 40
"""As many as Linux follows in one look-up."""
LOOK = getattr(os, "O_PATH", os.O_RDONLY | os.O_NONBLOCK)
"""Opens anything, a link itself too, without waiting or an effect. macOS comes close, and refuses links."""
KINDS = {stat.S_IFDIR: "folder", stat.S_IFREG: "regular file"}


@contextlib.contextmanager
def refusing_unreadable(path: Path) -> Iterator[None]:
    """Make what the system refuses a StoreError that names the path."""
    try:
        yield
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}") from error


UNLOCKABLE = {errno.EBADF, errno.EINVAL, errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}
"""How file systems say that they have no locks; EBADF is NFS's, which locks only what is open for writing."""


class Folder:
    """A folder that is held open, as are those above it up to the root.

    A look-up follows at most `links` links, beneath the root. What cannot be opened is a StoreError, one line
    with the path as it was asked for.
    """

    def __init__(self, path: Path, chain: list[int], links: int) -> None:
        """Take the descriptors of the folders from the root down to this one; who opened them closes them."""
        self.path = path
        self._chain = chain
        self._links = links

    @classmethod
    @contextlib.contextmanager
    def root(cls, path: Path, links: int = MOST_LINKS) -> Iterator["Folder"]:
        """Open a root, which may be a link itself."""
        with refusing_unreadable(path):
            descriptor = os.open(path, LOOK | os.O_DIRECTORY)
        try:
            yield cls(path, [descriptor], links)
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def folder(self, name: str) -> Iterator["Folder"]:
        """Open a folder by its name, or its path from here."""
        with self._opened(name, stat.S_IFDIR) as chain:
            yield Folder(self.path / name, chain, self._links)

    @contextlib.contextmanager
    def file(self, name: str) -> Iterator[io.BufferedReader]:
        """Open a regular file for reading. A pipe, a socket or a device is refused before it is opened."""
        with (
            self._opened(name, stat.S_IFREG) as chain,
            refusing_unreadable(self.path / name),
            Path(f"/dev/fd/{chain[-1]}").open("rb") as stream,
        ):
            yield stream

    def names(self) -> list[str]:
        """List what is here."""
        with refusing_unreadable(self.path):
            readable = os.open(".", os.O_RDONLY | os.O_DIRECTORY, dir_fd=self._chain[-1])
            try:
                return os.listdir(readable)  # noqa: PTH208 - a Path is no descriptor
            finally:
                os.close(readable)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Wait for the lock that others on this machine take on this folder, and hold it.

        Where the file system has no locks, as of NFS, go on without.
        """
        with refusing_unreadable(self.path):
            readable = os.open(".", os.O_RDONLY | os.O_DIRECTORY, dir_fd=self._chain[-1])
        try:
            try:
                fcntl.flock(readable, fcntl.LOCK_EX)
            except OSError as error:
                if error.errno not in UNLOCKABLE:
                    raise
            yield
        finally:
            os.close(readable)

    def has(self, name: str) -> bool:
        """Return whether something has this name, be it a link to nothing."""
        with refusing_unreadable(self.path / name), contextlib.suppress(FileNotFoundError):
            os.stat(name, dir_fd=self._chain[-1], follow_symlinks=False)
            return True
        return False

    @contextlib.contextmanager
    def _opened(self, name: str, wanted: int) -> Iterator[list[int]]:
        chain: list[int] = []
        try:
            with refusing_unreadable(self.path / name):
                chain.extend(map(os.dup, self._chain))
                self._walk(chain, name, wanted)
            yield chain
        finally:
            for descriptor in chain:
                os.close(descriptor)

    def _walk(self, chain: list[int], name: str, wanted: int) -> None:
        """Take a chain from here to what a path leads to, which must be of the wanted kind."""
        path, links = self.path / name, 0
        parts, kind = name.split("/")[::-1], stat.S_IFDIR
        while parts and kind == stat.S_IFDIR:
            part = parts.pop()
            if part == "..":
                os.close(chain.pop())
                if not chain:
                    raise StoreError(f"{path}: a link leads out of the store")
            elif part not in {"", "."}:
                chain.append(os.open(part, LOOK | os.O_NOFOLLOW, dir_fd=chain[-1]))
                kind = stat.S_IFMT(os.fstat(chain[-1]).st_mode)
            if kind == stat.S_IFLNK:
                target = os.readlink("", dir_fd=chain[-1])
                os.close(chain.pop())
                links += 1
                if links > self._links:
                    few = f"more than {self._links} links" if self._links else "links are refused"
                    raise StoreError(f"{path}: {few}")
                if target.startswith("/"):
                    raise StoreError(f"{path}: a link leads out of the store")
                parts += target.split("/")[::-1]
                kind = stat.S_IFDIR
        if parts or kind != wanted:
            raise StoreError(f"{path}: not a {KINDS[wanted]}")
