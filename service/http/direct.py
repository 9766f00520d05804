"""The paths whose POST requests go to the model without becoming ASGI calls, and what reads their bodies."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, NamedTuple

MOST_PATHS = 1000
"""That are remembered; a path beyond them costs a few microseconds more."""

if TYPE_CHECKING:
    import re
    from collections.abc import Callable

    from service.gate.access import Access
    from service.plane.call import Way


class Route(NamedTuple):
    """One path, or several: its template, what it asks for, and what tells a complete request its way."""

    template: str
    access: Access
    find: Callable[[], Way]


class Family(NamedTuple):
    """The paths of one template, and what finds the way of the names in such a path."""

    template: str
    access: Access
    paths: re.Pattern[bytes]
    find: Callable[..., Way]
    knows: Callable[..., bool]


class Routes:
    """The table; whatever does not stand in it is for the app."""

    def __init__(self) -> None:
        self.paths: dict[bytes, Route] = {}
        """By path, as it stands in a request's first line."""
        self._families: list[Family] = []

    def add_family(self, family: Family) -> None:
        """Have paths of a template be routes."""
        self._families.append(family)

    def find(self, path: bytes) -> Route | None:
        """Return the route of a decoded path, if it has one."""
        route = self.paths.get(path)
        if route is not None:
            return route
        for family in self._families:
            match = family.paths.fullmatch(path)
            if match is not None:
                return self._route(family, path, match.groupdict())
        return None

    def _route(self, family: Family, path: bytes, names: dict[str, bytes]) -> Route:
        given = {name: value.decode("utf-8", "replace") for name, value in names.items()}
        route = Route(family.template, family.access, functools.partial(family.find, **given))
        if family.knows(**given) and len(self.paths) < MOST_PATHS:
            self.paths[path] = route  # names are of a closed set, which clients do not choose
        return route
