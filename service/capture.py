"""Rows and labels written down for training, without ever waiting. Knows nothing of who sends them.

The caller's side makes a line and puts it into a queue; a thread writes what is in it. What the queue has no
room for, or the disk refuses, is dropped and counted.
"""

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import msgspec

from service.rotation import Bounds, Rotation

Kind = Literal["rows", "labels"]

BOUNDS: Mapping[Kind, Bounds] = {
    # A row of 30 numbers takes 900 bytes: 18,000 may wait, and 900,000 are kept.
    "rows": Bounds(queue_bytes=16 << 20, file_bytes=12 << 20, folder_bytes=768 << 20),
    # A label takes 90 bytes: 23,000 may wait, and three million are kept, as they come days after their rows.
    "labels": Bounds(queue_bytes=2 << 20, file_bytes=4 << 20, folder_bytes=256 << 20),
}
"""Together a GiB, and a file more for each process but one. The oldest file is a 64th of what is kept."""
GATHER_S = 0.05
"""From a line to its write: what comes meanwhile is written with it. A process that is killed loses that."""
WRITE_BYTES = 1 << 20
"""Of a kind at once: then it is the other's turn."""
RETRY_S = 1.0
"""From a refusal of the disk to the next try; meanwhile lines wait."""
CLOSE_S = 2.0
"""The end of a process waits so long for the disk."""
SAID_S = 60.0
"""The log says once in this time at most that lines were dropped."""

log = logging.getLogger("logitserve.capture")


class Capture:
    """What one process writes down, under its slot, into a folder that several share.

    One thread of one process calls it. The thread that writes starts with the first line, after any fork.
    """

    def __init__(
        self,
        directory: Path,
        slot: str,
        dropped: Callable[[Kind, int], object],
        bounds: Mapping[Kind, Bounds] = BOUNDS,
    ) -> None:
        """`dropped` is told how many lines were dropped, each time that some are, by any of both threads."""
        self._lost = _Lost(directory, dropped)
        self._queues = {kind: _Queue(each.queue_bytes) for kind, each in bounds.items()}
        self._files = {kind: Rotation(directory, kind, slot, each) for kind, each in bounds.items()}
        self._some, self._ending = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    def row(self, id: str, model: str, version: str, cells: Mapping[str, Any]) -> None:  # noqa: A002 - the field's name
        """Write down a row, as the client sent it."""
        line = {"id": id, "model": model, "version": version, "time": datetime.now(UTC), "inputs": cells}
        self._put("rows", line)

    def label(self, id: str, label: str) -> None:  # noqa: A002 - as above
        """Write down what was true of a row."""
        self._put("labels", {"id": id, "label": label, "time": datetime.now(UTC)})

    def close(self) -> None:
        """Take nothing any more, and have what waits written within CLOSE_S."""
        self._ending.set()
        self._some.set()
        if self._thread is not None:
            self._thread.join(CLOSE_S)
        self._lost.say()

    def _put(self, kind: Kind, line: Mapping[str, Any]) -> None:
        try:
            if self._thread is None:
                self._thread = _started(self._run)
            raw = msgspec.json.encode(line) + b"\n"
        except Exception as error:  # noqa: BLE001 - no request fails for what is written down of it
            self._lost.add(kind, 1, str(error))
            return
        if self._ending.is_set() or not self._queues[kind].put(raw):
            self._lost.add(kind, 1, "they come faster than they are written")
        elif not self._some.is_set():
            self._some.set()

    def _run(self) -> None:
        while not self._ending.is_set():
            self._some.wait()
            self._ending.wait(GATHER_S)
            self._some.clear()
            while sum(self._write(kind) for kind in self._queues):
                pass
        for file in self._files.values():
            file.close()

    def _write(self, kind: Kind) -> int:
        """Write some of what waits; return how many lines that was."""
        lines = self._queues[kind].take(WRITE_BYTES)
        count = len(lines)
        if lines:
            try:
                self._files[kind].write(lines)
            except OSError as error:
                self._lost.add(kind, len(lines), error.strerror or str(error))
                self._ending.wait(RETRY_S)
        return count


def _started(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, name="capture", daemon=True)
    thread.start()
    return thread


class _Queue:
    """Lines of so many bytes at most, put by one thread and taken by another without a lock."""

    def __init__(self, most_bytes: int) -> None:
        self._lines: deque[bytes] = deque()
        self._most, self._put, self._taken = most_bytes, 0, 0  # each is changed by one thread alone

    def put(self, line: bytes) -> bool:
        """Return whether there was room."""
        if self._put - self._taken + len(line) > self._most:
            return False
        self._put += len(line)
        self._lines.append(line)
        return True

    def take(self, enough: int) -> list[bytes]:
        """Return the next lines, of so many bytes or what there is."""
        lines: list[bytes] = []
        size = 0
        while self._lines and size < enough:
            lines.append(self._lines.popleft())
            size += len(lines[-1])
        self._taken += size
        return lines


class _Lost:
    """Lines that were dropped: told each time, and said in the log now and then."""

    def __init__(self, directory: Path, dropped: Callable[[Kind, int], object]) -> None:
        self._directory, self._dropped = directory, dropped
        self._lock = threading.Lock()
        self._unsaid: Counter[Kind] = Counter()
        self._reason, self._next = "", 0.0

    def add(self, kind: Kind, count: int, reason: str) -> None:
        """Count lines that were dropped for a reason."""
        with self._lock:
            self._unsaid[kind] += count
            self._reason = reason
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + SAID_S
            self.say()
        self._dropped(kind, count)

    def say(self) -> None:
        """Say what was not said yet."""
        with self._lock:
            unsaid, self._unsaid = self._unsaid, Counter()
        if unsaid:
            counts = " and ".join(f"{count} {kind}" for kind, count in unsaid.items())
            log.warning("%s: dropped %s: %s", self._directory, counts, self._reason)
