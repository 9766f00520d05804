"""`python -m service`: settings in, exit status out. Workers import this module too: it stays light."""

import contextlib
import os
import signal
import sys
from types import FrameType
from typing import NoReturn


def main(arguments: list[str], prog: str = "python -m service") -> int:
    """Serve; return the exit status: 0 after a drain, 1 when the service failed, 2 for a bad setting.

    130 is for Ctrl-C before the service was ready, as a shell reports SIGINT.
    """
    if arguments == ["--version"]:
        from service import __version__  # noqa: PLC0415

        sys.stdout.write(f"logitserve {__version__}\n")
        return 0
    from service.lifetime import catch  # noqa: PLC0415 - see above

    catch(_leave)
    try:
        return _serve(arguments, prog)
    except KeyboardInterrupt:
        _leave(signal.SIGINT, None)


def _leave(number: int, _: FrameType | None) -> NoReturn:
    """End at once: before there is anything to clean up, or when that is done.

    An exception would go through whatever is being imported, which may catch it; and Python ends by the
    signal, not with a status, when a KeyboardInterrupt came out of one of its `exec`.
    """
    if number == signal.SIGINT:
        _say("interrupted while starting")
    os._exit(130 if number == signal.SIGINT else 0)


def _serve(arguments: list[str], prog: str) -> int:
    from service.errors import StartError  # noqa: PLC0415 - see above
    from service.settings import SettingsError, load  # noqa: PLC0415

    try:
        settings = load(arguments, prog)
        from service.server import serve  # noqa: PLC0415 - LitServe takes half a second

        serve(settings)
    except SettingsError as error:
        _say(f"error: {error}")
        return 2
    except StartError as error:
        _say(f"error: {error}")
        return 1
    return 0


def _say(line: str) -> None:
    """Write a line, unless nobody takes it: a full pipe must not keep the service from ending."""
    from service.dropping import writer  # noqa: PLC0415 - see above

    with contextlib.suppress(OSError, ValueError):
        write, _ = writer(sys.stderr.fileno())
        write(f"{line}\n".encode("utf-8", "backslashreplace"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
