"""Which tokens brought a label already, over all HTTP processes of an instance. Knows nothing of models.

A SQLite file in the run directory. It is opened for each request that brings labels: these are few, and
whoever cleans up old files, or kills a process, does no harm. Nothing waits for a disk: the file is of this
run alone.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import time
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

MOST_TOKENS = 1_000_000
"""How many are remembered: 20 MB of a disk."""
LATE_S = 30 * 86400
"""No token is taken that is older. A label that takes longer is of another time's rows, and who finds an old
token may not make up today's quality with it."""
WAIT_S = 10.0
"""For another process that writes, in a thread; 4,096 tokens take one 30 ms."""
SCHEMA = (
    "CREATE TABLE IF NOT EXISTS seen (issued INTEGER, id INTEGER, PRIMARY KEY (issued, id)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS labelled (model TEXT, version TEXT, at REAL, PRIMARY KEY (model, version))",
    "CREATE TABLE IF NOT EXISTS state (tokens INTEGER, forgotten INTEGER)",
    "INSERT INTO state SELECT 0, -1 WHERE NOT EXISTS (SELECT * FROM state)",
)
"""`forgotten` is the issue time up to which nothing is remembered any more."""

Outcome = Literal["taken", "repeated", "late"]
Version = tuple[str, str]
"""A model, and a number."""

log = logging.getLogger("logitserve.feedback")


class Seen:
    """The tokens that were taken, and when each version's last one came."""

    def __init__(self, path: Path, most: int = MOST_TOKENS) -> None:
        self._path, self._most = path, most
        self._labelled: dict[Version, float] = {}

    def take(self, tokens: Sequence[tuple[int, int]], versions: Iterable[Version], now: int) -> list[Outcome]:
        """Remember tokens, each by its issue time and number, and return of each whether it was new.

        `versions` are those that they are of, `now` is Unix time. May wait WAIT_S for another process. Raises
        sqlite3.Error when the file cannot be written; then no token is taken.
        """
        with self._writing() as file:
            [(count, forgotten)] = file.execute("SELECT tokens, forgotten FROM state")
            oldest = max(forgotten + 1, now - LATE_S)
            insert, found = "INSERT OR IGNORE INTO seen VALUES (?, ?)", list[Outcome]()
            for token in tokens:
                if token[0] < oldest:
                    found.append("late")
                else:
                    found.append("taken" if file.execute(insert, token).rowcount else "repeated")
            count += found.count("taken")
            if count > self._most:
                skipped = (count - self._most - 1,)
                [(forgotten,)] = file.execute(
                    "SELECT issued FROM seen ORDER BY issued LIMIT 1 OFFSET ?", skipped
                )
                count -= file.execute("DELETE FROM seen WHERE issued <= ?", (forgotten,)).rowcount
            file.execute("UPDATE state SET tokens = ?, forgotten = ?", (count, forgotten))
            moment = time.monotonic()  # of the machine, and so the same for all processes
            file.executemany(
                "INSERT OR REPLACE INTO labelled VALUES (?, ?, ?)", [(*each, moment) for each in versions]
            )
        return found

    def labelled(self) -> dict[Version, float]:
        """Return when each version's last token came, by the machine's monotonic clock.

        That is as it was at the last look where another process is writing.
        """
        if self._path.exists():
            with contextlib.suppress(sqlite3.Error), contextlib.closing(self._open(0)) as file:
                found = file.execute("SELECT model, version, at FROM labelled")
                self._labelled = {(model, version): at for model, version, at in found}
        return self._labelled

    def _open(self, wait_s: float) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=wait_s, isolation_level=None)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with contextlib.closing(self._open(WAIT_S)) as file:
            file.execute("PRAGMA synchronous = OFF")
            file.execute("BEGIN IMMEDIATE")
            for statement in SCHEMA:
                file.execute(statement)
            yield file
            file.execute("COMMIT")
