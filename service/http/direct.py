"""The paths whose POST requests go to the model without becoming ASGI calls, and what reads their bodies."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import re
    from collections.abc import Callable

    from service.gate.access import Access
    from service.plane.call import Call


class Route(NamedTuple):
    """One path, or several: its template, what it asks for, and what turns a complete request into rows."""

    template: str
    access: Access
    decode: Callable[[Call], None]


class Routes:
    """The table; whatever does not stand in it is for the app."""

    def __init__(self) -> None:
        self.paths: dict[bytes, Route] = {}
        """By path, as it stands in a request's first line."""
        self._families: list[tuple[re.Pattern[bytes], Route]] = []

    def add_family(self, paths: re.Pattern[bytes], route: Route) -> None:
        """Have all `paths` that are not added one by one go the same way."""
        self._families.append((paths, route))

    def find(self, path: bytes) -> Route | None:
        """Return the route of a decoded path, if it has one."""
        route = self.paths.get(path)
        if route is None:
            route = next((route for paths, route in self._families if paths.fullmatch(path)), None)
        return route
