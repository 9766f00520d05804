"""A progress bar on a terminal, and nothing elsewhere. Knows nothing of what progresses."""

import sys
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn


class Bar:
    """One line on stderr, gone when it is done: a stage's name, a bar where the steps are known, the time."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
            disable=not sys.stderr.isatty(),
        )
        self._task = self._progress.add_task("")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def stage(self, name: str, steps: int | None = None) -> None:
        """Begin the next stage; without `steps` the bar only shows that something goes on."""
        self._progress.remove_task(self._task)
        self._task = self._progress.add_task(name, total=steps)

    def step(self) -> None:
        """Count one step of the stage."""
        self._progress.advance(self._task)
