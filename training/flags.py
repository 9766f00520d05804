"""Names, and pairs of a name and a value, as people write them. Knows nothing of which options there are.

Each is one text, given as often as there are names: a name may hold a comma, quotes and equals signs. As in
a variable, which can be given but once, a text may also be the JSON of all of them.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

AROUND = " \t\r\n\ufeff"
"""What editors and shells leave around a value."""


def names(text: str) -> list[Any]:
    """Return the names of a text: one, those of a JSON list, or none of an empty text."""
    bare = text.strip(AROUND)
    found = _json(bare) if bare.startswith("[") else None
    if isinstance(found, list):
        return found
    return [bare] if bare else []


class Table(NamedTuple):
    """How people write pairs: the form of one, and the word that may stand for all of them."""

    form: str
    word: str = ""


def pairs(text: str, table: Table) -> str | dict[str, Any]:
    """Return the pair of a text, parted at its last equals sign, those of a JSON object, or the word.

    An empty text is returned too. Raises ValueError for one that is neither.
    """
    bare = text.strip(AROUND)
    if bare in {"", table.word}:
        return bare
    found = _json(bare) if bare.startswith("{") else None
    if isinstance(found, dict):
        return found
    name, equals, value = bare.rpartition("=")
    if not equals or not name.strip():
        raise ValueError(f"wanted {table.word} or {table.form}" if table.word else f"wanted {table.form}")
    return {name.strip(AROUND): value.strip(AROUND)}


def take(
    arguments: Sequence[str], lists: Collection[str], tables: Mapping[str, Table]
) -> tuple[list[str], dict[str, Any]]:
    """Return the other arguments, and what those of `lists` and `tables`, flags, say together.

    The usual parser parts texts at their commas. Raises ValueError that names the flag and its value.
    """
    others: list[str] = []
    found: dict[str, Any] = {}
    rest = list(arguments)
    while rest:
        flag, equals, value = rest.pop(0).partition("=")
        alone = not equals and (not rest or rest[0].startswith("--"))
        if alone or (flag not in lists and flag not in tables):
            others.append(flag + equals + value)  # without a value the parser refuses it
            continue
        value = (value if equals else rest.pop(0)).strip(AROUND)
        if flag in lists:
            found[flag] = [*found.get(flag, []), *names(value)]
            continue
        before = found.get(flag)
        try:
            new = pairs(value, tables[flag])
        except ValueError as error:
            raise ValueError(f"{flag}={value}: {error}") from None
        if isinstance(new, dict) and isinstance(before, dict):
            new = before | new
        found[flag] = new
    return others, found


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
