"""Tables, from one process to the others."""

import os
from pathlib import Path

import pytest

from service.library.table import Committed, Refused, Served, Table, read, write

ONE, TWO = "1" * 64, "2" * 64
TABLE = Table(
    default="breast-cancer",
    current={"breast-cancer": TWO},
    versions=(Served("breast-cancer", 1, ONE), Served("breast-cancer", 2, TWO)),
    refused=(
        Refused("wine", 3, ONE, "golden", "row 2 is off by 0.1"),
        Refused("iris", None, None, "missing", ""),
    ),
)


def test_a_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    """What the other processes read is the table that main wrote."""
    write(tmp_path, 7, TABLE)
    assert read(tmp_path, 7) == TABLE


def test_nothing_but_the_table_is_left(tmp_path: Path) -> None:
    """No draft stays beside it."""
    write(tmp_path, 7, TABLE)
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["table-7.json"]


def test_a_table_that_is_gone_says_so(tmp_path: Path) -> None:
    """A reader that comes late learns that there is a newer one."""
    with pytest.raises(FileNotFoundError):
        read(tmp_path, 7)


@pytest.mark.parametrize(
    "table",
    [
        TABLE._replace(current={"breast-cancer": "../etc"}),
        TABLE._replace(current={"breast-cancer": "3" * 64}),
        TABLE._replace(current={"wine": ONE}),
        TABLE._replace(versions=(*TABLE.versions, Served("wine", "1", ONE))),  # type: ignore[arg-type]
        TABLE._replace(refused=(Refused("wine", 1, ONE, "mood", ""),)),  # type: ignore[arg-type]
    ],
    ids=["digest", "unknown", "other model", "version", "reason"],
)
def test_what_is_no_table_is_refused(tmp_path: Path, table: Table) -> None:
    """Each part has its form, and a current version is one of the model's versions."""
    write(tmp_path, 7, table)
    with pytest.raises(ValueError, match=r"Expected|Invalid|not one of"):
        read(tmp_path, 7)


def test_the_committed_number_is_seen_by_a_child() -> None:
    """A process that was forked before sees each number that main sets, up to 64 bits."""
    committed = Committed()
    assert committed.number == 0
    to_child, from_parent = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover - in another process
        os.read(to_child, 1)
        os._exit(committed.number != 2**64 - 1)
    committed.number = 2**64 - 1
    os.write(from_parent, b".")
    assert os.waitpid(child, 0)[1] == 0
    os.close(to_child)
    os.close(from_parent)
