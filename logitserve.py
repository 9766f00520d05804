"""The installed command: `logitserve serve`, `train`, `models`. Knows nothing of what they do.

It stands apart, because `service` and `training` never import each other. Whatever lies in the working
directory is not imported, by this process and by those that it starts: folders named like ours are common.
"""

import importlib
import os
import sys

COMMANDS = {
    "serve": ("service.__main__", "serve a published model over HTTP"),
    "train": ("training.__main__", "train a model and publish a new version"),
    "models": ("models.__main__", "look at the published versions; promote, roll back, prune, sign"),
}


def main() -> int:
    """Run the command that is named first, with the arguments after it; return its exit status."""
    _leave_working_directory()
    name, *arguments = sys.argv[1:] or ["--help"]
    if name in COMMANDS:
        module, _ = COMMANDS[name]
        try:
            status: int = importlib.import_module(module).main(arguments, f"logitserve {name}")
        except KeyboardInterrupt:
            status = 130  # as a shell reports SIGINT
        return status
    if name == "--version":
        version: str = importlib.import_module("service").__version__
        sys.stdout.write(f"logitserve {version}\n")
        return 0
    stream, status = (sys.stdout, 0) if name in {"--help", "-h"} else (sys.stderr, 2)
    lines = [f"  logitserve {command:<7} {text}" for command, (_, text) in COMMANDS.items()]
    stream.write("\n".join(["usage:", *lines, "  logitserve COMMAND --help | --version", ""]))
    return status


def _leave_working_directory() -> None:
    """Take it off the path, for the processes that are started too.

    An empty entry of PYTHONPATH is it again: `PYTHONPATH=$PYTHONPATH:/more` gives one where none was set.
    """
    os.environ["PYTHONSAFEPATH"] = "1"
    given = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    named = [entry for entry in given if entry not in {"", os.curdir}]
    if given not in ([""], named):  # without any there is one that is empty, and means nothing
        os.environ["PYTHONPATH"] = os.pathsep.join(named)
        here, ours = os.getcwd(), os.path.dirname(__file__)  # noqa: PTH109, PTH120 - as sys.path has them
        sys.path[:] = [entry for entry in sys.path if entry != here or entry in {ours, *named}]


if __name__ == "__main__":
    sys.exit(main())
