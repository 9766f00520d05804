"""Files of lines in a folder of several processes, of which the oldest go. Knows nothing of the lines."""

import contextlib
import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

FORM = re.compile(r"([a-z]+)-[a-z0-9-]+-([0-9]{8}T[0-9]{6}\.[0-9]{6}Z)\.jsonl")
"""Kind, slot and the time when the file was begun: nothing of another name is ever deleted."""
SHARE = 64
"""A file counts a 64th of a full one at least, so that starts without end do not make files without end."""


@dataclass(frozen=True)
class Bounds:
    """How many bytes of a kind may wait to be written, be in a file, and be in the folder."""

    queue_bytes: int
    file_bytes: int
    folder_bytes: int


class Rotation:
    """The files of one kind and slot, of which the last is written."""

    def __init__(self, directory: Path, kind: str, slot: str, bounds: Bounds) -> None:
        self._directory, self._kind, self._slot, self._bounds = directory, kind, slot, bounds
        self._path = directory
        self._file: int | None = None
        self._size = 0

    def write(self, lines: list[bytes]) -> None:
        """Append lines, to a new file where there is none yet, it is full, or somebody deleted it.

        Raises OSError when the disk refuses. Then `lines` are those that were not written, and the first may
        be begun: the next write begins a file, so that only a last line is ever torn.
        """
        if self._file is not None and (
            self._size >= self._bounds.file_bytes or not os.fstat(self._file).st_nlink
        ):
            self.close()
        if self._file is None:
            self._file = self._begin()
        raw, done = memoryview(b"".join(lines)), 0
        try:
            while done < len(raw):
                done += os.write(self._file, raw[done:])
        except OSError:
            del lines[: bytes(raw[:done]).count(b"\n")]
            if not self._size + done:
                self._path.unlink(missing_ok=True)
            self.close()
            raise
        self._size += done

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            os.close(self._file)
        self._file, self._size = None, 0

    def _begin(self) -> int:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._make_room()
        self._path = (
            self._directory / f"{self._kind}-{self._slot}-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}.jsonl"
        )
        return os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)

    def _make_room(self) -> None:
        """Delete the oldest files of the kind, whoever wrote them, until a full one fits."""
        least = self._bounds.file_bytes // SHARE
        found, total = [], self._bounds.file_bytes
        for path in self._directory.iterdir():
            form = FORM.fullmatch(path.name)
            if form is None or form[1] != self._kind or path.is_symlink() or not path.is_file():
                continue
            with contextlib.suppress(FileNotFoundError):  # another process makes room too
                size = max(path.stat().st_size, least)
                found.append((form[2], path, size))
                total += size
        for _, path, size in sorted(found):
            if total <= self._bounds.folder_bytes:
                return
            path.unlink(missing_ok=True)
            total -= size
