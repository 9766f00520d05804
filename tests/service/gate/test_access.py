"""docs/http.md against the code."""

from pathlib import Path

from service.gate.access import POLICY

PAGE = (Path(__file__).parents[3] / "docs" / "http.md").read_text()


def test_the_policy_table_is_documented_as_it_is() -> None:
    """Each route's template with its access, in the table's order."""
    rows = [f"| `{template}` | {access.value} |" for template, access in POLICY.items()]
    assert "\n".join(["| path | access |", "|---|---|", *rows, ""]) in PAGE
