"""How far a run is: a bar on a terminal, a line now and then elsewhere. Knows nothing of what progresses."""

import sys
import time
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

LINE_S = 10.0
"""How often a run without a terminal says that it goes on."""
MOMENT_S = 1e-6  # so that nothing is divided by 0


class Bar:
    """One line on stderr, gone when it is done: a stage's name, a bar where the steps are known, the time."""

    def __init__(self, *, quiet: bool = False) -> None:
        drawn = sys.stderr.isatty() and not quiet
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
            disable=not drawn,
        )
        self._lines = not drawn and not quiet
        self._said = time.monotonic()
        self._stage, self._done = "", 0
        self._steps: int | None = None
        self._rows, self._began = 0, self._said
        self._task = self._progress.add_task("", note="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def stage(self, name: str, steps: int | None = None, rows: int = 0) -> None:
        """Begin the next stage, each of whose steps goes through `rows`.

        Without `steps` the bar only shows that something goes on.
        """
        self._progress.remove_task(self._task)
        self._task = self._progress.add_task(name, total=steps, note="")
        self._stage, self._steps, self._done = name, steps, 0
        self._rows, self._began = rows, time.monotonic()

    def step(self, gradient_norm: float) -> None:
        """Count one step of the stage, which left so large a gradient."""
        self._done += 1
        passed = max(time.monotonic() - self._began, MOMENT_S)
        note = f"{self._done * self._rows / passed:,.0f} rows/s, gradient {gradient_norm:.1e}"
        self._progress.update(self._task, advance=1, note=note)
        if self._lines and time.monotonic() - self._said >= LINE_S:
            self._said = time.monotonic()
            of = "" if self._steps is None else f" of {self._steps}"
            sys.stderr.write(f"{self._stage}: step {self._done}{of}, {note}\n")
