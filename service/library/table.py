"""Which versions answer, as all processes see it. Knows nothing of how that is decided.

A table never changes: there is a file for each, and one number in shared memory that says which one holds.
"""

import mmap
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import msgspec

from service.run_directory import DRAFT, table_path

Digest = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]
"""What a version is known by: the sha256 of its manifest, in hex."""
Reason = Literal[
    "missing", "broken", "unsigned", "golden", "unusable", "crashed", "timeout", "memory", "limit"
]
"""Why a version does not serve."""


class Refusal(NamedTuple):
    """Why a version cannot be served, and the same in one line for people."""

    reason: Reason
    message: str


class Served(NamedTuple):
    """A version that can answer, or shall."""

    model: str
    version: int
    digest: Digest


class Refused(NamedTuple):
    """A version that does not serve, and why in one line; number and digest where they are known."""

    model: str
    version: int | None
    digest: Digest | None
    reason: Reason
    message: str


class Offer(NamedTuple):
    """What the store has now: `wanted`, all verified and staged, and what was refused.

    Of several versions of one model the last one is its current one.
    """

    wanted: tuple[Served, ...]
    refused: tuple[Refused, ...]


class Table(NamedTuple):
    """Which version answers: `current` of each model where none is named, else one of `versions`.

    The model `default` may have no version.
    """

    default: str
    current: dict[str, Digest]
    versions: tuple[Served, ...]
    refused: tuple[Refused, ...]


class Committed:
    """The number of the table that holds, in anonymous shared memory; 0 before there is one."""

    def __init__(self) -> None:
        self.word = memoryview(mmap.mmap(-1, 8)).cast("Q")
        """The number alone. Main writes it, in one store: nobody ever reads half of it."""

    @property
    def number(self) -> int:
        """The number."""
        return self.word[0]

    @number.setter
    def number(self, number: int) -> None:
        self.word[0] = number


def write(run_dir: Path, number: int, table: Table) -> None:
    """Write table `number` into the run directory, whole or not at all. Raises OSError."""
    path = table_path(run_dir, number)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    draft = path.with_name(DRAFT + path.name)
    draft.write_bytes(msgspec.json.encode(table))
    draft.rename(path)


def read(run_dir: Path, number: int) -> Table:
    """Read table `number`.

    Raises FileNotFoundError when it is gone, as there is a newer one; ValueError when it is no table.
    """
    table = msgspec.json.decode(table_path(run_dir, number).read_bytes(), type=Table)
    known = {(served.model, served.digest) for served in table.versions}
    if not known.issuperset(table.current.items()):
        raise ValueError(f"table {number}: the current version of a model is not one of its versions")
    return table


def exists(run_dir: Path, number: int) -> bool:
    """Return whether a table can be read."""
    return table_path(run_dir, number).exists()


def discard(run_dir: Path, number: int) -> None:
    """Remove a table that nobody reads any more, if it is there."""
    table_path(run_dir, number).unlink(missing_ok=True)
