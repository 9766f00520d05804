"""The table of direct routes: a path of its own wins over a family, and the rest is the app's."""

import re
from typing import Any

from service.gate.access import Access
from service.http.direct import Route, Routes


def decode(_: Any) -> None:
    """Read nothing."""


def test_a_path_of_its_own_wins_over_its_family() -> None:
    """A family is whole paths; what is in neither is not here."""
    served, others = Route("/served", Access.PREDICT, decode), Route("/{model}/infer", Access.PREDICT, decode)
    routes = Routes()
    routes.add_family(re.compile(rb"/[^/]+/infer"), others)
    routes.paths[b"/a/infer"] = served
    assert routes.find(b"/a/infer") is served
    assert routes.find(b"/b/infer") is others
    for path in (b"/b/infer/", b"/x/b/infer", b"/b/infer\n", b"/b", b""):
        assert routes.find(path) is None
