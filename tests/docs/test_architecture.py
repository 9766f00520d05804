"""The page that draws the rooms names what is there."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
SERVICE = ROOT / "service"
PAGE = (ROOT / "docs" / "architecture.md").read_text()
[MAP] = re.findall(r"^service/\n((?:  .*\n)+)", PAGE, re.MULTILINE)
LINES = re.sub(r"(  \w+/ +\S+(?:  \S+)*) .*\n {8,}(\S+(?:  \S+)*)   ", r"\1  \2   ", MAP).splitlines()
"""A room's second line is joined to its first."""
DRAWN = [re.match(r"  (?:(\w+)/ +)?(\S+(?:  \S+)*)   ", line) for line in LINES]
"""Of each line its room, or None, and the modules in it."""


def modules(folder: Path) -> set[str]:
    """Return the modules of a package, those that are packages of their own but not rooms included."""
    files = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    return files | {path.parent.name for path in folder.glob("*/__init__.py")}


def test_every_module_of_every_room_is_drawn() -> None:
    """And no other; what stands in no room too."""
    outside: set[str] = set()
    rooms: set[str] = set()
    for line in DRAWN:
        assert line is not None
        if line[1] is None:
            outside |= set(line[2].split())
        else:
            rooms.add(line[1])
            assert set(line[2].split()) == modules(SERVICE / line[1]), line[1]
    assert outside | rooms == modules(SERVICE)


def test_the_floors_are_drawn_in_the_order_that_is_held() -> None:
    """That of the layers in pyproject.toml, from the top down; within a layer in any order."""
    with (ROOT / "pyproject.toml").open("rb") as stream:
        contracts = tomllib.load(stream)["tool"]["importlinter"]["contracts"]
    [layers] = [contract["layers"] for contract in contracts if contract["type"] == "layers"]
    drawn = [
        name for line in DRAWN if line is not None for name in ([line[1]] if line[1] else line[2].split())
    ]
    for layer in layers:
        names = re.split(r" [|:] ", layer)
        assert sorted(drawn[: len(names)]) == sorted(names)
        del drawn[: len(names)]
    assert drawn == []


def test_every_file_that_the_page_names_is_there() -> None:
    """As a path from `service/`."""
    named = set(re.findall(r"`(\w+(?:/\w+)*\.py)`", PAGE))
    assert len(named) > 10
    assert {name for name in named if not (SERVICE / name).exists()} == set()
