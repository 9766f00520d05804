"""The names of a table's columns. Knows nothing of what is in them."""

import difflib
from collections.abc import Sequence

NAMED = 20
"""Columns that an error names, the nearest."""


def names(found: Sequence[str], target: str) -> list[str]:
    """Return names without surrounding blanks, "" where a column has none.

    Raises ValueError when the target is not among them or alone, and for names that are equal.
    """
    names = [name.strip() for name in found]
    named = [name for name in names if name]
    if target not in named:
        near = difflib.get_close_matches(target, named, NAMED, 0)
        raise ValueError(f"no column {target!r}, it has {', '.join(named if len(named) <= NAMED else near)}")
    if len(set(named)) < len(named):
        twice = next(name for name in named if named.count(name) > 1)
        raise ValueError(f"two columns are named {twice!r}")
    if len(names) == 1:
        raise ValueError(f"no column beside the target {target!r}")
    return names
