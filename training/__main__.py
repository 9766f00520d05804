"""Train from the command line: settings in, report out. Knows nothing of the stages between."""

import contextlib
import io
import os
import signal
import sys
from collections.abc import Iterator

UNWRITABLE = 3
"""The status of a store that refuses."""


def main(arguments: list[str], prog: str = "python -m training") -> int:
    """Run one training; return 0 when it published, or had nothing new to publish.

    After one line on stderr it is 2 for bad data or options, 3 for a store that is broken or cannot be
    written, 1 for what should not be, and 130 for Ctrl-C, as a shell reports SIGINT.
    """
    if arguments == ["--version"]:
        from training import __version__  # noqa: PLC0415

        sys.stdout.write(f"logitserve {__version__}\n")
        return 0
    try:
        return _train(arguments, prog)
    except KeyboardInterrupt:
        return 130


@contextlib.contextmanager
def _leaving() -> Iterator[None]:
    """Have Ctrl-C end the process at once: an exception would go through what is imported, and break it."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:  # else whoever started it wants something else, or it ignored
        signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _train(arguments: list[str], prog: str) -> int:
    # Here, and not above: Ctrl-C while they are imported is Ctrl-C.
    from models.uncollected import uncollected  # noqa: PLC0415

    with _leaving(), uncollected():
        from models.errors import StoreError  # noqa: PLC0415
        from models.repository import Repository  # noqa: PLC0415
        from training.config import load  # noqa: PLC0415
        from training.errors import RanksError, TrainingError  # noqa: PLC0415

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that lacks a letter of a label gets its number
            stream.reconfigure(errors="backslashreplace")
    try:
        config = load(arguments, prog)
        if config.if_empty and "RANK" not in os.environ and Repository(config.store).names():
            return 0
        # torch takes a second to import, and neither --help nor --if-empty needs it.
        with _leaving(), uncollected():
            from training import run  # noqa: PLC0415

        run.run(config, arguments)
    except (TrainingError, StoreError) as error:
        if os.environ.get("RANK", "0") == "0" or isinstance(error, RanksError):
            sys.stderr.write(" ".join(str(error).split()) + "\n")
        return getattr(error, "exit_code", UNWRITABLE)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
