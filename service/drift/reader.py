"""What all workers counted, by version: read from their files. Knows nothing of who asks."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from service.drift.totals import Read
from service.run_directory import drift_paths

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from service.drift.totals import Counts, Layout

log = logging.getLogger("logitserve.drift")


class Found(NamedTuple):
    """What was counted of one version, in a file for each worker's slot."""

    layout: Layout
    files: list[Read]

    def now(self) -> Counts:
        """Return the totals over all workers."""
        return _summed([file.now() for file in self.files])

    def window(self) -> Counts:
        """Return what they counted in the last hour."""
        return _summed([file.window() for file in self.files])


class Reader:
    """The files of one run, each opened once."""

    def __init__(self, metrics: Path) -> None:
        self._metrics = metrics
        self._opened: dict[tuple[Path, int], Read] = {}

    def versions(self) -> list[Found]:
        """Return what was counted of each version, by model and number.

        Of a number that was published again with other bytes, that is of the last one that was loaded.
        """
        files = sorted(self._files(), key=lambda file: file.loaded[0])
        at: dict[str, list[Read]] = {}
        found: dict[tuple[str, str], Found] = {}
        for file in files:
            layout = file.layout
            of_digest = at.setdefault(layout.digest, [])
            of_digest.append(file)
            found[layout.model, layout.version] = Found(layout, of_digest)
        return [found[key] for key in sorted(found)]

    def forget(self, is_over: Callable[[str, str], bool]) -> None:
        """Remove the files of versions that are over; who has one open goes on."""
        for path, inode in list(self._opened):
            layout = self._opened[path, inode].layout
            if is_over(layout.model, layout.version):
                path.unlink(missing_ok=True)

    def _files(self) -> list[Read]:
        opened: dict[tuple[Path, int], Read] = {}
        for path in drift_paths(self._metrics):
            try:
                key = path, path.stat().st_ino
                opened[key] = self._opened.get(key) or Read(path)
            except FileNotFoundError:  # its version is over
                continue
            except (OSError, ValueError) as error:
                log.warning("%s: %s", path, error)
        self._opened = opened
        return list(opened.values())


def _summed(counts: list[Counts]) -> Counts:
    found: Counts = np.sum(counts, axis=0)
    return found
