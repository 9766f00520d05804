"""The store from the command line: list what is published, promote a version. Knows nothing of torch."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any, NoReturn

from models.defaults import DEFAULT_STORE
from models.errors import StoreError
from models.repository import Repository

BAD, UNWRITABLE = 2, 3


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        """Exit as for whatever else is wrong with what was asked."""
        self.exit(BAD, f"error: {message}; see {self.prog} --help\n")


def main(arguments: list[str], prog: str = "python -m models") -> int:
    """Run one command; return 0, 2 for what is not in the store or broken, 3 when it cannot be written."""
    parser = Parser(prog, description="Look at a store of published models.")
    shared = Parser(add_help=False)
    shared.add_argument("--store", type=Path, default=DEFAULT_STORE, help=f"by default {DEFAULT_STORE}")
    commands = parser.add_subparsers(dest="command", required=True)
    listed = commands.add_parser("list", parents=[shared], help="every version, and which one is served")
    listed.add_argument("--json", action="store_true", help="for programs")
    promoted = commands.add_parser("promote", parents=[shared], help="verify a version and make it CURRENT")
    promoted.add_argument("name")
    promoted.add_argument("version", type=int)
    options = parser.parse_args(arguments)
    repository = Repository(options.store.expanduser())
    try:
        if options.command == "list":
            return _list(repository, as_json=options.json)
        repository.promote(options.name, options.version)
    except StoreError as error:
        return _refuse(error)
    except OSError as error:
        sys.stderr.write(f"error: {error.filename or options.store}: {error.strerror}\n")
        return UNWRITABLE
    return 0


def _list(repository: Repository, *, as_json: bool) -> int:
    """Print every version; of one that is broken, or of a model whose CURRENT is, say so and go on."""
    found: list[dict[str, Any]] = []
    status = 0
    for name in repository.names():
        current = None
        try:
            current = repository.current(name)
        except StoreError as error:
            status = _refuse(error)
        for version in repository.versions(name):
            created = None
            try:
                created = repository.resolve(name, version).manifest.created.isoformat(timespec="seconds")
            except StoreError as error:
                status = _refuse(error)
            found.append(
                {"name": name, "version": version, "current": version == current, "created": created}
            )
    if as_json:
        sys.stdout.write(json.dumps(found) + "\n")
    else:
        for each in found:
            mark = " current" if each["current"] else ""
            sys.stdout.write(f"{each['name']} {each['version']} {each['created'] or 'broken'}{mark}\n")
    return status


def _refuse(error: StoreError) -> int:
    sys.stderr.write(f"error: {error}\n")
    return BAD


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
