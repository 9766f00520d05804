"""What the user says of columns, by flags and in a TOML file. Knows nothing of what columns hold."""

import difflib
import json
import tomllib
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

from models.record import LeftOut
from training.columns import KINDS, Column
from training.errors import SettingError, reason
from training.options import TableOptions

Kind = Literal["numeric", "boolean", "categorical"]


@dataclass(frozen=True)
class Asked:
    """What was said of a column: its kind, whether to leave it out, whether to keep it against advice."""

    kind: Kind | None = None
    leave_out: bool = False
    keep: bool = False


def asked(
    options: TableOptions, names: Collection[str], target: str, others: Iterable[str]
) -> dict[str, Asked]:
    """Return what was asked of each column that was named; a flag goes before the file.

    `names` are the file's columns, `others` those that may be named and are no columns any more. Raises
    SettingError for a name that is none, with the nearest one, or the target's, and for what contradicts.
    """
    found: dict[str, Asked] = {}
    nameless = set(others)
    known = {*names, *nameless}
    path = options.schema_file
    for name, said in (read(path) if path else {}).items():
        _check(f"{path}: {name!r}", name, known, target)
        found[name] = said
    by_flag: dict[str, str] = {}
    for flag, given, change in (
        ("--categorical", options.categorical, {"kind": "categorical", "leave_out": False}),
        ("--numeric", options.numeric, {"kind": "numeric", "leave_out": False}),
        ("--leave-out", options.leave_out, {"leave_out": True}),
        ("--keep", options.keep, {"keep": True, "leave_out": False}),
    ):
        for name in given:
            _check(f"{flag} {name}", name, known, target)
            before = by_flag.setdefault(name, flag)
            if before != flag and {before, flag} not in (
                {"--categorical", "--keep"},
                {"--numeric", "--keep"},
            ):
                raise SettingError(f"{flag} {name}: {before} says otherwise of the same column")
            found[name] = replace(found.get(name, Asked()), **change)
    for name in nameless & {name for name, said in found.items() if not said.leave_out}:
        raise SettingError(f"{name!r} has no name in the file; give it one in the header")
    for flag, column in (("--groups", options.groups), ("--time", options.time)):
        if column is not None:
            _check(f"{flag} {column}", column, set(names), target)
    return found


def read(path: Path) -> dict[str, Asked]:
    """Read what a TOML file says of columns. Raises SettingError that names the file and the fault."""
    try:
        with path.open("rb") as file:
            tables = tomllib.load(file)
    except (OSError, ValueError) as error:
        raise SettingError(f"--schema {path}: {reason(error)}") from error
    return {name: _asked(f"--schema {path}: {name!r}", table) for name, table in tables.items()}


def render(source: str, columns: Iterable[Column], left_out: Iterable[LeftOut]) -> str:
    """Write what was found as TOML, a table a column; given as --schema it says the same again."""
    lines = [f"# What the columns of {json.dumps(source)} are: edit, and give as --schema.", ""]
    for column in columns:
        lines += [f"[{_key(column.name)}]", f'kind = "{KINDS[type(column)]}"', ""]
    for left in left_out:
        reason = " ".join(left.reason.split())
        lines += [f"[{_key(left.column)}]", f"leave_out = true  # {reason}", ""]
    return "\n".join(lines)


def _key(name: str) -> str:
    """Quote a name as TOML's basic strings are, which JSON's are too, but for DEL."""
    return json.dumps(name, ensure_ascii=False).replace("\x7f", "\\u007f")


def _asked(place: str, table: Any) -> Asked:
    if not isinstance(table, dict) or not table.keys() <= {"kind", "leave_out"}:
        raise SettingError(f"{place}: wanted a table with kind or leave_out")
    kind, leave_out = table.get("kind"), table.get("leave_out")
    if kind not in (None, *get_args(Kind)):
        raise SettingError(f"{place}: kind is {kind!r}, wanted {', '.join(get_args(Kind))}")
    if leave_out not in (None, True, False):
        raise SettingError(f"{place}: leave_out is {leave_out!r}, wanted true or false")
    return Asked(kind, bool(leave_out), keep=leave_out is False)


def _check(place: str, name: str, known: set[str], target: str) -> None:
    if name == target:
        raise SettingError(f"{place}: it is the target")
    if name not in known:
        near = difflib.get_close_matches(name, sorted(known - {target}), 1, 0)
        raise SettingError(f"{place}: no such column" + (f"; is it {near[0]!r}?" if near else ""))
