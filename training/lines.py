"""The JSON Lines of rows and labels that a service captured. Knows nothing of what becomes of them."""

import contextlib
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, BinaryIO, TypeVar

import msgspec

from training.errors import DataError, reason

ROWS, LABELS = "rows-*.jsonl", "labels-*.jsonl"

Cell = bool | int | float | str | None


class Model(msgspec.Struct, gc=False):
    """Of a row only whose it is."""

    model: str


class Row(msgspec.Struct, gc=False):
    """A row as a client sent it, and which version answered."""

    id: str
    model: str
    version: Annotated[str, msgspec.Meta(pattern="^[1-9][0-9]{0,8}$")]
    inputs: dict[str, Cell]


class Label(msgspec.Struct, gc=False):
    """What was true of a row, and when that was told."""

    id: str
    label: str
    time: Annotated[datetime, msgspec.Meta(tz=True)]


Line = TypeVar("Line", Model, Row, Label)


def is_captured(data: str) -> bool:
    """Tell whether a path is a folder that holds, anywhere, files of rows or labels."""
    with contextlib.suppress(OSError):
        return Path(data).is_dir() and any(any(Path(data).rglob(form)) for form in (ROWS, LABELS))
    return False


class Folder:
    """The files of a folder, in the order of their paths; `torn` counts last lines that were passed over."""

    def __init__(self, data: str) -> None:
        self._root, self.torn = Path(data), 0

    def lines(self, form: str, kind: type[Line]) -> Iterator[Line]:
        """Yield the lines of all files whose name has the form.

        Raises DataError that names file and line for one that is not of its kind; but a last one without its
        end is passed over. So is a file that is deleted meanwhile.
        """
        decode = msgspec.json.Decoder(kind).decode
        for path in sorted(self._root.rglob(form)):
            place = f"{self._root}: {path.relative_to(self._root)}"
            try:
                with path.open("rb") as file:
                    yield from self._of(file, place, decode)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise DataError(f"{place}: {reason(error)}") from error

    def _of(self, file: BinaryIO, place: str, decode: Callable[[bytes], Line]) -> Iterator[Line]:
        for number, line in enumerate(file, 1):
            try:
                found = decode(line)
            except ValueError as error:
                if line.endswith(b"\n"):
                    raise DataError(f"{place}: line {number}: {error}") from error
                self.torn += 1
            else:
                yield found
