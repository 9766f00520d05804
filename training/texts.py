"""Parse a text file into columns of trimmed text, a block at a time. Knows nothing of what a column is."""

import io
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from training import header, layout, utf8
from training.spill import Spill

BLOCK_BYTES = (1 << 20, 1 << 24)
"""What is parsed at once, of which Arrow reads 32 ahead; the second where a row is longer than the first."""


class Texts:
    """The columns of a text file, all cells as text."""

    def __init__(self, path: Path, target: str, encoding: str) -> None:
        """Read all rows.

        Raises ValueError for a file that is empty or not text of the encoding, for names as `header.names`
        does, and for the first row that is not as wide as the header; DataError when TMPDIR is full.
        """
        self._text = utf8.Text(path, encoding)
        sample = utf8.as_file(self._text.good()).read(layout.SAMPLE_BYTES)
        self._start, self.delimiter = layout.begins(sample, target)
        try:
            if not any(block.strip() for block in self._text.blocks()):
                raise ValueError("the file is empty")
            self.names, self._spill = self._read(target)
        except utf8.NotTextError as error:
            raise ValueError(f"{layout.last_row(self._good(), self.delimiter)} {error}") from None
        self.rows, self.column = self._spill.rows, self._spill.column

    def _read(self, target: str) -> tuple[list[str], Spill]:
        small, large = BLOCK_BYTES
        try:
            return self._parsed(target, small)
        except pa.ArrowInvalid:
            if broken := layout.ragged(self._good(), self.delimiter):
                raise ValueError(broken) from None
        return self._parsed(target, large)

    def _parsed(self, target: str, block_bytes: int) -> tuple[list[str], Spill]:
        with self._stream({}, block_bytes) as stream:
            names: list[str] = stream.schema.names
        header.names(names, target)  # before all rows are read
        spill = Spill(len(names))
        # All cells as text: Arrow infers a type from a file's first block only, and fails on a later one.
        with self._stream(dict.fromkeys(names, pa.string()), block_bytes) as stream:
            for batch in stream:
                spill.add([pc.utf8_trim_whitespace(column) for column in batch.columns])
        spill.end()
        return names, spill

    def _stream(self, kinds: dict[str, pa.DataType], block_bytes: int) -> csv.CSVStreamingReader:
        file = utf8.as_file(utf8.ended(self._text.blocks()))
        file.read(self._start)
        return csv.open_csv(
            file,
            parse_options=csv.ParseOptions(delimiter=self.delimiter, newlines_in_values=True),
            read_options=csv.ReadOptions(block_size=block_bytes),
            convert_options=csv.ConvertOptions(column_types=kinds, check_utf8=False),
        )

    def _good(self) -> io.BufferedReader:
        file = utf8.as_file(self._text.good())
        file.read(self._start)
        return file
