"""The table of direct routes: a path of its own wins over a family, and the rest is the app's."""

import re
from typing import Any

from service.gate.access import Access
from service.http import direct
from service.http.direct import Family, Route, Routes

PATHS = re.compile(rb"/(?P<model>[^/]+)/infer")


class Models:
    """Names, and what was asked for by them."""

    def __init__(self, *names: str) -> None:
        self.names = names
        self.asked: list[str] = []

    def find(self, model: str) -> Any:
        """Keep what was asked for."""
        self.asked.append(model)

    def knows(self, model: str) -> bool:
        """Return whether it is one of the names."""
        return model in self.names


def served(*names: str) -> tuple[Routes, Models]:
    """Return the routes of these models."""
    routes, models = Routes(), Models(*names)
    routes.add_family(Family("/{model}/infer", Access.PREDICT, PATHS, models.find, models.knows))
    return routes, models


def test_a_path_of_its_own_wins_over_its_family() -> None:
    """A family is whole paths; what is in neither is not here."""
    routes, models = served()
    own = routes.paths[b"/a/infer"] = Route("/served", Access.PREDICT, models.find)  # type: ignore[arg-type]
    assert routes.find(b"/a/infer") is own
    found = routes.find(b"/b/infer")
    assert found is not None
    assert (found.template, found.access) == ("/{model}/infer", Access.PREDICT)
    for path in (b"/b/infer/", b"/x/b/infer", b"/b/infer\n", b"/b", b""):
        assert routes.find(path) is None


def test_a_way_is_looked_for_when_the_request_is_whole_by_the_names_of_its_path() -> None:
    """What they lead to may change between two requests, and within one."""
    routes, models = served("b")
    for path in (b"/b/infer", b"/b/infer", "/ü/infer".encode(), b"/\xff/infer"):
        found = routes.find(path)
        assert found is not None
        found.find()
    assert models.asked == ["b", "b", "ü", "\ufffd"]


def test_only_paths_of_what_is_known_are_remembered(monkeypatch: Any) -> None:
    """And so many at most: clients choose the others."""
    routes, _ = served("a", "b", "c")
    monkeypatch.setattr(direct, "MOST_PATHS", 2)
    for name in (b"x", b"a", b"y", b"b", b"c"):
        assert routes.find(b"/%b/infer" % name) is not None
    assert list(routes.paths) == [b"/a/infer", b"/b/infer"]
    assert routes.find(b"/a/infer") is routes.paths[b"/a/infer"]
