"""Train from the command line: settings in, report out. Knows nothing of the stages between."""

import io
import sys

from models.errors import StoreError
from models.repository import Repository
from training.config import load
from training.errors import TrainingError


def main(arguments: list[str]) -> int:
    """Run one training; return 0, or 1 (bad data or store) or 2 (bad setting) after one line on stderr."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that lacks a letter of a label gets its number
            stream.reconfigure(errors="backslashreplace")
    try:
        config = load(arguments)
        if config.if_empty and Repository(config.store).names():
            return 0
        # torch takes seconds to import, and neither --help nor --if-empty needs it.
        from training import pipeline, progress, report  # noqa: PLC0415

        with progress.Bar() as bar:
            outcome = pipeline.run(config, bar)
        sys.stdout.write(report.render(outcome.artifact, outcome.model) + "\n")
    except (TrainingError, StoreError) as error:
        sys.stderr.write(" ".join(str(error).split()) + "\n")
        return getattr(error, "exit_code", 1)
    except KeyboardInterrupt:
        return 130  # as a shell reports SIGINT
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
