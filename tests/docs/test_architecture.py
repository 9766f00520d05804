"""The page that draws the rooms names what is there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
SERVICE = ROOT / "service"
PAGE = (ROOT / "docs" / "architecture.md").read_text()
ROOMS = re.findall(r"^  (\w+)/ +(\S.*?)   ", PAGE, re.MULTILINE)


def test_every_room_is_drawn_with_modules_that_it_has() -> None:
    """And no other."""
    drawn = {room: set(modules.split()) for room, modules in ROOMS}
    assert drawn.keys() == {path.parent.name for path in SERVICE.glob("*/__init__.py")}
    for room, modules in drawn.items():
        there = {path.stem for path in (SERVICE / room).iterdir()}
        assert modules <= there, (room, modules - there)


def test_every_file_that_the_page_names_is_there() -> None:
    """As a path from `service/`."""
    named = set(re.findall(r"`(\w+(?:/\w+)*\.py)`", PAGE))
    assert len(named) > 10
    assert {name for name in named if not (SERVICE / name).exists()} == set()
