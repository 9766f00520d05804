"""Names, and pairs of a name and a value, as people write them. Knows nothing of which options there are.

Each is one text, given as often as there are names: a name may hold a comma, quotes and equals signs. As in
a variable, which can be given but once, a text may also be the JSON of all of them.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

AROUND = " \t\r\n\ufeff"
"""What editors and shells leave around a value."""


def names(text: str) -> list[Any]:
    """Return the names of a text: one, those of a JSON list, or none of an empty text."""
    bare = text.strip(AROUND)
    found = _json(bare) if bare.startswith("[") else None
    if isinstance(found, list):
        return found
    return [bare] if bare else []


def pairs(text: str) -> dict[str, Any]:
    """Return the pair of a text, parted at its last equals sign, or those of a JSON object.

    Raises ValueError for a text that is neither.
    """
    bare = text.strip(AROUND)
    found = _json(bare) if bare.startswith("{") else None
    if isinstance(found, dict):
        return found
    name, equals, value = bare.rpartition("=")
    if not equals or not name.strip():
        raise ValueError("wanted NAME=VALUE")
    return {name.strip(AROUND): value.strip(AROUND)}


def take(
    arguments: Sequence[str], lists: Collection[str], tables: Mapping[str, str]
) -> tuple[list[str], dict[str, Any]]:
    """Return the other arguments, and what those of `lists` and `tables`, flags, say together.

    The usual parser parts texts at their commas. A flag of `tables` may also have the word that is given
    with it. Raises ValueError that names the flag and its value.
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
        elif value in {"", tables[flag]}:
            found[flag] = value
        else:
            before = found.get(flag, {})
            try:
                found[flag] = (before if isinstance(before, dict) else {}) | pairs(value)
            except ValueError:
                word = f"{tables[flag]} or " if tables[flag] else ""
                raise ValueError(f"{flag}={value}: wanted {word}NAME=VALUE") from None
    return others, found


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
