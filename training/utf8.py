"""A file's text as UTF-8, a block at a time. Knows nothing of rows or cells."""

import codecs
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

COMPRESSED = {".gz": "gzip", ".zst": "zstd"}
BLOCK_BYTES = 1 << 20
UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
MARKED = {"utf-16": UTF_16, "utf-32": (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)}
"""The marks without which text of these encodings has the machine's order of bytes."""
WORKBOOK = b"PK\x03\x04"


class NotTextError(ValueError):
    """Says what is not text; where, only who counts rows can tell."""


class Text:
    """A text file, compressed where its suffix says so, that can be read more than once."""

    def __init__(self, path: Path, encoding: str) -> None:
        """Look at how it begins: UTF-16 with a mark is known by it.

        Raises ValueError for an unknown encoding and for a workbook.
        """
        try:
            "".encode(encoding)  # which, unlike lookup, knows which are of text
        except LookupError:
            raise ValueError(
                f"--encoding {encoding}: no such encoding; utf-8, utf-16, latin-1, cp1252?"
            ) from None
        self._path = path
        first = next(self._raw(), b"")
        if first.startswith(WORKBOOK):
            raise ValueError("this is a workbook or a ZIP file, wanted text: save it as CSV")
        if codecs.lookup(encoding).name == "utf-8" and first.startswith(UTF_16):
            encoding = "utf-16"
        self._said = self._encoding = encoding
        name = codecs.lookup(encoding).name
        if name in MARKED and not first.startswith(MARKED[name]):
            self._encoding = f"{name}-{sys.byteorder[0]}e"

    def blocks(self) -> Iterator[bytes]:
        """Give its text in UTF-8 without a mark, up to what is not text.

        Then it raises NotTextError: for a byte that is not of the encoding, or a NUL byte.
        """
        done = 0
        for text in self._decoded():
            block = text if done else text.removeprefix(codecs.BOM_UTF8)
            good, nul, _ = block.partition(b"\0")
            yield good
            done += len(good)
            if nul:
                hint = "; if the file is UTF-16, --encoding utf-16-le says so" if done <= 1 else ""
                raise NotTextError(f"has a NUL byte, wanted text{hint}")

    def good(self) -> Iterator[bytes]:
        """Give its text as `blocks` does, and end before what is not text."""
        try:
            yield from self.blocks()
        except NotTextError:
            return

    def _decoded(self) -> Iterator[bytes]:
        decoder = codecs.getincrementaldecoder(self._encoding)()
        raw = self._raw()
        block: bytes | None = b""
        while block is not None:
            block = next(raw, None)
            before = decoder.getstate()
            try:
                text = decoder.decode(block or b"", block is None)
            except UnicodeDecodeError as error:
                held, _ = before  # of the block before, a letter's first bytes
                decoder.setstate(before)
                yield decoder.decode((block or b"")[: max(error.start - len(held), 0)]).encode()
                raise NotTextError(
                    f"has the byte 0x{error.object[error.start]:02x}, which is not {self._said}; "
                    "--encoding tells another, latin-1 or cp1252 for example"
                ) from None
            yield text.encode()

    def _raw(self) -> Iterator[bytes]:
        with pa.input_stream(self._path, compression=COMPRESSED.get(self._path.suffix.lower())) as file:
            while block := file.read(BLOCK_BYTES):
                yield block


def ended(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Give the blocks of a text, and what ends its last line where nothing does."""
    last = b"\n"
    for block in blocks:
        last = block[-1:] or last
        yield block
    if last not in b"\r\n":
        yield b"\n"


def as_file(blocks: Iterator[bytes]) -> io.BufferedReader:
    """Return a file of these blocks, which gives as many bytes as are asked of it, but at its end."""
    return io.BufferedReader(_Raw(blocks), BLOCK_BYTES)


class _Raw(io.RawIOBase):
    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks, self._left = blocks, memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._left:
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._left = memoryview(block)
        count = min(len(buffer), len(self._left))
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        return count
