"""The store from the command line: list what is published, promote a version. Knows nothing of torch."""

import argparse
import json
import sys
from pathlib import Path

from models.errors import StoreError
from models.repository import Repository

BAD_STORE, UNWRITABLE = 2, 3


def main(arguments: list[str]) -> int:
    """Run one command; return 0, 2 for what is not in the store or broken, 3 when it cannot be written."""
    parser = argparse.ArgumentParser("models", description="Look at a store of published models.")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--store", type=Path, default=Path("models/store"), help="by default models/store")
    commands = parser.add_subparsers(dest="command", required=True)
    listed = commands.add_parser("list", parents=[shared], help="every version, and which one is served")
    listed.add_argument("--json", action="store_true", help="for programs")
    promoted = commands.add_parser("promote", parents=[shared], help="verify a version and make it CURRENT")
    promoted.add_argument("name")
    promoted.add_argument("version", type=int)
    options = parser.parse_args(arguments)
    repository = Repository(options.store.expanduser())
    try:
        if options.command == "promote":
            repository.promote(options.name, options.version)
        else:
            sys.stdout.write(_listing(repository, as_json=options.json))
    except StoreError as error:
        sys.stderr.write(f"error: {error}\n")
        return BAD_STORE
    except OSError as error:
        sys.stderr.write(f"error: {error.filename or options.store}: {error.strerror}\n")
        return UNWRITABLE
    return 0


def _listing(repository: Repository, *, as_json: bool) -> str:
    found = [
        {"name": name, "version": version, "current": version == repository.current(name)}
        for name in repository.names()
        for version in repository.versions(name)
    ]
    if as_json:
        return json.dumps(found) + "\n"
    return "".join(
        f"{each['name']} {each['version']}{' current' if each['current'] else ''}\n" for each in found
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
