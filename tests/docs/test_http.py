"""The page on HTTP names the limits and lists that the reader has."""

import re
from pathlib import Path

from service.http.head import MAX_HEAD_BYTES, MAX_HEADERS
from service.http.reader import CHUNK_BYTES, FRAMING

PAGE = (Path(__file__).parents[2] / "docs" / "http.md").read_text()


def test_every_trailer_that_is_refused_is_named() -> None:
    """And no other."""
    [names] = re.findall(r"A trailer named (.*?) is 400", PAGE, re.DOTALL)
    assert {name.lower().encode() for name in re.split(r",\s+|\s+or\s+", names)} == set(FRAMING)


def test_the_limits_are_the_readers() -> None:
    """By the names of the constants."""
    assert (
        f"{MAX_HEAD_BYTES // 1024} KiB (`MAX_HEAD_BYTES`) and {MAX_HEADERS} of them (`MAX_HEADERS`)" in PAGE
    )
    assert re.search(rf"{CHUNK_BYTES} bytes a chunk\s+\(`CHUNK_BYTES`\)", PAGE)
