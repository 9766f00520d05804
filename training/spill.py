"""Columns of text, in memory or beyond that in a file without a name. Knows nothing of what they hold."""

import tempfile
import weakref
from typing import IO

import pyarrow as pa
from pyarrow import ipc

from training.scratch import kept_on_disk

HELD_BYTES = 1 << 27
"""Up to so much is kept in memory, as Arrow has it: 4 bytes a cell beside its text."""
GROUP_BYTES = 1 << 25
"""What is written at once: it is held twice meanwhile, and little of it takes long to read by column."""


class Spill:
    """Rows that are added and then read by column."""

    def __init__(self, columns: int) -> None:
        self._schema = pa.schema([(str(place), pa.string()) for place in range(columns)])
        self._held: list[pa.RecordBatch] = []
        self._held_bytes = 0
        self._file: IO[bytes] | None = None
        self.rows = 0

    def add(self, columns: list[pa.Array]) -> None:
        """Add rows, an array a column. Raises DataError when the disk is full."""
        batch = pa.record_batch(columns, self._schema)
        self.rows += batch.num_rows
        self._held.append(batch)
        self._held_bytes += batch.nbytes
        if self._held_bytes > (GROUP_BYTES if self._file else HELD_BYTES):
            self._write()

    def end(self) -> None:
        """Say that there are no more rows. Raises DataError as `add` does."""
        if self._file:
            self._write()
            with kept_on_disk(self._file.tell()):
                self._writer.close()
                self._file.flush()

    def column(self, place: int) -> pa.ChunkedArray:
        """Read a column."""
        if not self._file:
            return pa.chunked_array([batch.column(place) for batch in self._held], pa.string())
        found = ipc.open_file(self._file, options=ipc.IpcReadOptions(included_fields=[place]))
        batches = (found.get_batch(number) for number in range(found.num_record_batches))
        return pa.chunked_array([batch.column(0) for batch in batches], pa.string())

    def _write(self) -> None:
        with kept_on_disk(self._held_bytes):
            if not self._file:
                self._file = tempfile.TemporaryFile()  # noqa: SIM115 - as long as its columns
                weakref.finalize(self, self._file.close)
                options = ipc.IpcWriteOptions(compression="lz4")
                self._writer = ipc.new_file(self._file, self._schema, options=options)
            while self._held:
                group = [self._held.pop(0)]
                while self._held and sum(batch.nbytes for batch in group) < GROUP_BYTES:
                    group.append(self._held.pop(0))
                self._writer.write_batch(pa.concat_batches(group))
        self._held_bytes = 0
