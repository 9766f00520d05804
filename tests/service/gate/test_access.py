"""The policy table: it has every route, and what it has not is closed."""

import contextlib
from pathlib import Path

from fastapi import FastAPI

from service.app.routes import add_routes
from service.deployment import Deployment
from service.gate.access import POLICY, Access, access_to
from service.gate.keys import Keys
from service.settings import Settings

PAGE = (Path(__file__).parents[3] / "docs" / "http.md").read_text()


def test_the_policy_table_is_documented_as_it_is() -> None:
    """Each route's template with its access, in the table's order."""
    rows = [f"| `{template}` | {access.value} |" for template, access in POLICY.items()]
    assert "\n".join(["| path | access |", "|---|---|", *rows, ""]) in PAGE


def test_every_route_stands_in_the_policy_table(tmp_path: Path) -> None:
    """No route is added without saying who may use it."""
    settings, app = Settings(), FastAPI()
    with contextlib.closing(Deployment(settings, Keys(settings), "127.0.0.1", tmp_path, 1)) as deployment:
        add_routes(app, deployment)
    assert {route.path for route in app.routes} <= set(POLICY)  # type: ignore[attr-defined]


def test_a_path_has_the_access_of_its_template_and_an_unknown_one_is_closed() -> None:
    """A literal path, a filled template, and what no line names."""
    assert access_to("/") is access_to("/livez") is Access.OPEN
    assert access_to("/v2/models/m/versions/3/infer") is Access.PREDICT
    assert access_to("/models/m/versions/3/predict") is Access.PREDICT
    assert access_to("/v2/repository/models/m/unload") is Access.ADMIN
    for unknown in ("//", "/livez/", "/nope", "/v2/models/a/b/c", "/v2/repository/models/a/b/load", "/LIVEZ"):
        assert access_to(unknown) is Access.PREDICT
