"""Where columns are kept when memory is not for them. Knows nothing of what they hold."""

import mmap
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from training.errors import DataError

HELD_BYTES = 1 << 29
"""Up to so much is kept in memory: with what a run takes besides, a machine of 2 GiB is enough."""
ALIGNED_BYTES = 64
TIDIED_BYTES = 1 << 26
"""After so much was kept it is taken out of memory again, which takes some ms."""


class Scratch:
    """Arrays of so many bytes at most, and so many: in memory, or beyond HELD_BYTES in a file without a name.

    TMPDIR says where the file is. Nothing is left of it, however a run ends.
    """

    def __init__(self, most_bytes: int, arrays: int) -> None:
        """Raise DataError when there can be no such file."""
        self._file: IO[bytes] | None = None
        self._untidy = 0
        if most_bytes <= HELD_BYTES:
            return
        with kept_on_disk(most_bytes):
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - as long as its arrays
            weakref.finalize(self, self._file.close)
            self._file.truncate(most_bytes + arrays * ALIGNED_BYTES + mmap.PAGESIZE)
            self._map = mmap.mmap(self._file.fileno(), 0, prot=mmap.PROT_READ)

    def keep(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return an array of the same values [n], which is not to be written to.

        Raises DataError when the disk is full.
        """
        if self._file is None or not len(values):
            return values
        start = -(-self._file.tell() // ALIGNED_BYTES) * ALIGNED_BYTES
        with kept_on_disk(values.nbytes):
            self._file.seek(start)
            self._file.write(np.ascontiguousarray(values).data)
            self._file.flush()
        self._untidy += values.nbytes
        return np.frombuffer(self._map, values.dtype, len(values), start)

    @property
    def on_disk(self) -> bool:
        """Whether memory is not for it."""
        return self._file is not None

    def tidied(self) -> bool:
        """Forget if so much was kept that it is worth while, and tell whether it was."""
        if self._untidy < TIDIED_BYTES:
            return False
        self._untidy = 0
        self.forget()
        return True

    def forget(self) -> None:
        """Take out of memory what can be read again; every array stays as it is."""
        if self._file is not None:
            self._map.madvise(mmap.MADV_DONTNEED)


@contextmanager
def kept_on_disk(size: int) -> Iterator[None]:
    """Turn the system's errors into a DataError that names TMPDIR, where so many bytes were to be kept."""
    try:
        yield
    except OSError as error:
        where = tempfile.gettempdir()
        says = f"{error.strerror}, where {size / 1e6:,.0f} MB of the columns were to be kept"
        raise DataError(f"{where}: {says}; TMPDIR names another directory") from error
