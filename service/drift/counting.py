"""What a worker does for drift: sets rows aside once they are answered, and counts many together.

Counting takes no more than its share of the time. Rows for which there is no room meanwhile are not looked
at; the totals say how many were. Knows nothing of frames or sockets.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from service.drift.columns import columns, heaviest, told_classes
from service.drift.histogram import MOST_ROWS, Histogram
from service.drift.totals import Layout, Totals

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from models.manifest import Manifest
    from models.weights import Weights

PIECE_ROWS, PIECE_CELLS = 512, 512 * 100
"""Counted together: fewer cost more each, and more would hold up whoever comes next. Cells are those of the
inputs that are looked at, and the probabilities."""
WAIT_S = 0.05
"""How long rows wait for others to be counted with."""
MOST_ASIDE_ROWS = 16 * PIECE_ROWS
SHARE = 0.01
"""Of the time, for counting."""
BURST_S = 0.1
"""How much of its share may be saved up: some hundred thousand rows."""

Raw = bytes | bytearray | memoryview

log = logging.getLogger("logitserve.drift")


class Piece(NamedTuple):
    """Rows of one version that are counted together, raw: [rows, inputs] and [rows, classes], float32."""

    watched: Watched
    rows: int
    payload: bytearray
    results: bytearray


class Watched:
    """One version: how its rows are counted, and those that are aside and still too few."""

    def __init__(
        self, manifest: Manifest, weights: Weights, digest: str, metrics: Path, slot: int, limit: int
    ) -> None:
        places = heaviest(manifest, weights, limit)
        own = tuple(columns(manifest, places))
        layout = Layout(manifest.name, str(manifest.version), digest, told_classes(manifest), own)
        self._histogram = Histogram(manifest, places)
        self._totals = Totals(metrics, slot, layout)
        self._inputs, self._classes = len(manifest.inputs), len(manifest.classes)
        self.result_bytes = 4 * self._classes
        self.piece_rows = max(1, min(PIECE_ROWS, PIECE_CELLS // (len(places) + self._classes)))
        self.name = f"{manifest.name} version {manifest.version}"
        self.rows = 0
        self.payload, self.results = bytearray(), bytearray()

    def take(self) -> Piece:
        """Return what is aside, and begin anew."""
        piece = Piece(self, self.rows, self.payload, self.results)
        self.rows, self.payload, self.results = 0, bytearray(), bytearray()
        return piece

    def count(self, piece: Piece) -> None:
        """Count rows."""
        rows = np.frombuffer(piece.payload, np.float32).reshape(-1, self._inputs)
        probabilities = np.frombuffer(piece.results, np.float32).reshape(-1, self._classes)
        for first in range(0, len(rows), MOST_ROWS):
            these = slice(first, first + MOST_ROWS)
            self._totals.add(self._histogram.counts(rows[these], probabilities[these]))


class Counting:
    """All versions that a worker holds."""

    def __init__(self, metrics: Path, slot: int, limit: int, wake: Callable[[float], None]) -> None:
        """`limit` inputs of each model are looked at, none when it is 0.

        `wake` has `tick` called in so many seconds.
        """
        self._metrics, self._slot, self._limit, self._wake = metrics, slot, limit, wake
        self._watched: dict[bytes, Watched] = {}
        self.pieces: deque[Piece] = deque()
        """What `work` will count."""
        self._rows = 0
        """How many are aside."""
        self._awaited = False
        """Whether `tick` will be called."""
        self._credit, self._as_of = BURST_S, time.perf_counter()

    def watch(self, digest: bytes, manifest: Manifest, weights: Weights) -> None:
        """Count the rows of a version from here on."""
        if not self._limit or digest in self._watched:
            return
        where = self._metrics, self._slot, self._limit
        try:
            self._watched[digest] = Watched(manifest, weights, digest.hex(), *where)
        except (OSError, ValueError) as error:  # as without room on the disk: answers do not depend on it
            log.warning("drift of %s version %d is not counted: %s", manifest.name, manifest.version, error)

    def forget(self, digest: bytes) -> None:
        """Count what is aside of a version, and then no more of it."""
        watched = self._watched.pop(digest, None)
        if watched is not None and watched.rows:
            self._count(watched.take())

    def set_aside(self, digest: bytes, payload: Raw, rows: int, results: bytes) -> None:
        """Have scored rows be counted: raw [rows, inputs], and results that begin with [rows, classes].

        Both are copied.
        """
        watched = self._watched.get(digest)
        if watched is None or self._rows >= MOST_ASIDE_ROWS:
            return
        self._rows += rows
        watched.rows += rows
        watched.payload += payload
        watched.results += results[: rows * watched.result_bytes]
        if watched.rows >= watched.piece_rows:
            self.pieces.append(watched.take())
        if not self._awaited:
            self._awaited = True
            self._wake(WAIT_S)

    def work(self) -> None:
        """Count pieces, while there is time for it."""
        while self.pieces and self._credit >= 0:
            self._count(self.pieces.popleft())

    def tick(self) -> None:
        """Count what has waited: `wake` calls it."""
        self._awaited = False
        self.count_all()
        if self._rows:
            self._awaited = True
            self._wake(WAIT_S)

    def count_all(self) -> None:
        """Count whatever is aside, while there is time for it."""
        self._refill()
        self.work()
        if self._credit >= 0:  # there is no piece left
            self.pieces += [watched.take() for watched in self._watched.values() if watched.rows]
            self.work()

    def _count(self, piece: Piece) -> None:
        self._refill()
        self._rows -= piece.rows
        try:
            piece.watched.count(piece)
        except Exception:  # a bug in counting must not end who answers
            log.exception("drift is not counted any more: %s", piece.watched.name)
            self._watched = {key: each for key, each in self._watched.items() if each is not piece.watched}
        self._credit -= time.perf_counter() - self._as_of

    def _refill(self) -> None:
        now = time.perf_counter()
        self._credit = min(BURST_S, self._credit + SHARE * (now - self._as_of))
        self._as_of = now
