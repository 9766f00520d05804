"""Counters whose series come and go, in a file of a slot that a scrape reads like prometheus_client's.

prometheus_client lets no series go while its process lives: a service whose model changes each hour would
keep those of every version, in files and in memory.
"""

from __future__ import annotations

import json
import logging
import os
import struct
from typing import TYPE_CHECKING, NamedTuple

from prometheus_client.mmap_dict import MmapedDict, mmap_key

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

DRAFT = ".draft"
"""How the name of a file ends that is not yet in the place of another."""

log = logging.getLogger("logitserve.metrics")


class Declared(NamedTuple):
    """A counter: its name without `_total`, what it counts, and its labels."""

    name: str
    text: str
    labels: tuple[str, ...]

    def key(self, *values: str) -> str:
        """Return the name of one of its series in a file."""
        return mmap_key(self.name, f"{self.name}_total", [*self.labels], [*values], self.text)


class Ledger:
    """The series of one slot; the next process of the slot goes on with them."""

    def __init__(self, directory: Path, slot: str) -> None:
        """Open the file; one that a killed process left torn is begun anew."""
        # A scrape tells by the first word what the file holds.
        self._path = directory / f"counter_{slot}.versions.db"
        if self._path.exists() and not is_whole(self._path):
            log.warning("%s: torn, begun anew", self._path)
            self._path.unlink()
        self._file = _open(self._path)

    def add(self, key: str, amount: float) -> None:
        """Count; a series that is new begins at 0."""
        value, _ = self._file.read_value(key)  # type: ignore[no-untyped-call]
        self._file.write_value(key, value + amount, 0.0)  # type: ignore[no-untyped-call]

    def forget(self, is_over: Callable[[Mapping[str, str]], bool]) -> None:
        """Let go of the series whose labels say that they are over.

        They stay where the file cannot be written anew, as without room on the disk: who counts goes on.
        """
        found = [(key, value) for key, value, *_ in self._file.read_all_values()]  # type: ignore[no-untyped-call]
        kept = [(key, value) for key, value in found if not is_over(json.loads(key)[2])]
        if len(kept) == len(found):
            return
        draft = self._path.with_name(self._path.name + DRAFT)
        try:
            draft.unlink(missing_ok=True)
            fresh = _open(draft)
            for key, value in kept:
                fresh.write_value(key, value, 0.0)  # type: ignore[no-untyped-call]
            draft.replace(self._path)
        except OSError as error:
            log.warning("%s: %s", error.filename or draft, error.strerror)
            return
        old, self._file = self._file, fresh
        old.close()  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()  # type: ignore[no-untyped-call]


def is_whole(path: Path) -> bool:
    """Return whether a metric file can be read: who is killed while opening one leaves it torn."""
    try:
        for key, *_ in MmapedDict.read_all_values_from_file(os.fspath(path)):  # type: ignore[no-untyped-call]
            json.loads(key)
    except (OSError, ValueError, RuntimeError, IndexError, struct.error):
        return False
    return True


def _open(path: Path) -> MmapedDict:
    return MmapedDict(os.fspath(path))  # type: ignore[no-untyped-call]
