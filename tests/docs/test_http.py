"""The page on HTTP names the limits and lists that the reader has."""

import re
from pathlib import Path
from typing import get_args

from service.http.head import MAX_HEAD_BYTES, MAX_HEADERS
from service.http.reader import CHUNK_BYTES, FRAMING
from service.library.table import Reason

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


def test_every_reason_of_a_refusal_is_explained() -> None:
    """In the table of /info, in the order of the code, and in the runbook."""
    assert re.findall(
        r"^\| `([a-z]+)` \| ", PAGE.split("| reason |")[1].split("\n\n")[0], re.MULTILINE
    ) == list(get_args(Reason))
    runbook = (Path(__file__).parents[2] / "docs" / "runbook.md").read_text()
    assert [reason for reason in get_args(Reason) if f"`{reason}`" not in runbook] == []
