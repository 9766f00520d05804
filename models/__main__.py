"""The store from the command line: look at it, promote, roll back, prune, sign. Knows nothing of torch."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from models.commands import changing, looking
from models.commands.answer import BAD, UNWRITABLE, refuse
from models.defaults import DEFAULT_STORE
from models.errors import StoreError
from models.repository import Repository
from models.signature import SigningKey, TrustedKeys

T = TypeVar("T")


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        """Exit as for whatever else is wrong with what was asked."""
        self.exit(BAD, f"error: {message}; see {self.prog} --help\n")


def main(arguments: list[str], prog: str = "python -m models") -> int:
    """Run one command; return 0, 2 for what is not in the store or broken, 3 when it cannot be written."""
    try:
        options = _parser(prog).parse_args(arguments)
        status: int = options.run(options)
    except StoreError as error:
        return refuse(error)
    except OSError as error:
        sys.stderr.write(f"error: {error.filename or 'the store'}: {error.strerror}\n")
        return UNWRITABLE
    return status


def _parser(prog: str) -> Parser:
    # Before the command too, as many programs have it; what stands behind the command holds.
    parser = Parser(
        prog,
        parents=[_shared(str(DEFAULT_STORE), as_json=False)],
        description="Look at a store of published models, and change what is served.",
    )
    shared, checked = _shared(argparse.SUPPRESS, as_json=argparse.SUPPRESS), _checked()
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(
        name: str, run: Callable[[Any], int], parents: Sequence[Parser], text: str, more: str = ""
    ) -> Parser:
        described = f"{text[0].upper()}{text[1:]}. {more}".strip()
        one: Parser = commands.add_parser(name, parents=[*parents], help=text, description=described)
        one.set_defaults(run=run)
        return one

    add(
        "list",
        lambda o: looking.list_(o.store, as_json=o.json),
        [shared],
        "every version, and which one is served",
    )
    one = add(
        "show",
        lambda o: looking.show(o.store, o.name, o.version, o.trusted_keys, as_json=o.json),
        [shared, checked],
        "what a version is",
        "By default the one that CURRENT names.",
    )
    one.add_argument("name")
    one.add_argument("version", type=int, nargs="?")
    one = add(
        "verify",
        lambda o: looking.verify(o.store, o.name, o.version, o.trusted_keys, as_json=o.json),
        [shared, checked],
        "compare files with their digests, and signatures with keys",
        "All versions of the model, or of the store, unless one is named. Status 2 when one is broken.",
    )
    one.add_argument("name", nargs="?")
    one.add_argument("version", type=int, nargs="?")
    one = add(
        "promote",
        lambda o: changing.promote(o.store, o.name, o.version, o.trusted_keys, as_json=o.json),
        [shared, checked],
        "verify a version and make it CURRENT",
    )
    one.add_argument("name")
    one.add_argument("version", type=int)
    one = add(
        "rollback",
        lambda o: changing.rollback(o.store, o.name, o.trusted_keys, as_json=o.json),
        [shared, checked],
        "make CURRENT the version that was it before",
        "A second rollback goes one further back, and never forth: what a rollback left is promoted again.",
    )
    one.add_argument("name")
    one = add(
        "prune",
        lambda o: changing.prune(o.store, o.name, o.keep, as_json=o.json),
        [shared],
        "remove all but the newest versions",
        "Never what CURRENT names, what was CURRENT before, or the highest number. What publishers left "
        "that crashed more than a day ago is removed too.",
    )
    one.add_argument("name")
    one.add_argument("--keep", type=_count, required=True, metavar="N", help="so many of the newest stay")
    one = add(
        "sign",
        lambda o: changing.sign(o.store, o.name, o.version, o.key, as_json=o.json),
        [shared],
        "put a signature beside a version, in the place of an earlier one",
    )
    one.add_argument("name")
    one.add_argument("version", type=int)
    one.add_argument(
        "--key",
        type=_reading(SigningKey.read),
        required=True,
        metavar="FILE",
        help="a private key: PEM, Ed25519",
    )
    one = add(
        "keygen",
        lambda o: changing.keygen(o.file),
        [],
        "make a private key, and print its public line for a file of trusted keys",
    )
    one.add_argument("file", type=_reading(Path))
    return parser


def _shared(store: str, *, as_json: bool | str) -> Parser:
    """Return a parser of what all commands but `keygen` take, with these defaults."""
    shared = Parser(add_help=False)
    shared.add_argument(
        "--store", type=_reading(Repository), default=store, help=f"by default {DEFAULT_STORE}"
    )
    shared.add_argument("--json", action="store_true", default=as_json, help="one line of JSON, for programs")
    return shared


def _checked() -> Parser:
    checked = Parser(add_help=False)
    checked.add_argument(
        "--trusted-keys",
        type=_reading(TrustedKeys.read),
        metavar="FILE",
        help="refuse a version that none of these keys signed; a line each, as keygen prints it",
    )
    return checked


def _reading(read: Callable[[Path], T]) -> Callable[[str], T]:
    return lambda text: read(Path(text).expanduser())


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 on")
    return int(text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
