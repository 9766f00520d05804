"""Tokens that brought a label: each once, over all processes, and no more of them than there is room for."""

import contextlib
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.feedback import seen
from service.feedback.seen import LATE_S, MOST_TOKENS, Seen

NOW = 1_800_000_000
IRIS = [("iris", "3")]
KILLED = """
import os, sqlite3, sys
file = sqlite3.connect(sys.argv[1], isolation_level=None)
file.execute("PRAGMA cache_size = 1")
file.execute("BEGIN IMMEDIATE")
file.executemany("INSERT INTO seen VALUES (?, ?)", ((int(sys.argv[2]), number) for number in range(2, 5000)))
os._exit(0)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file is."""
    return tmp_path / "feedback.db"


def test_a_token_is_taken_once(path: Path) -> None:
    """Within a request, in the next, and by another process; the second of two is the other token's."""
    here, there = Seen(path), Seen(path)
    assert here.take([(NOW, 1), (NOW, 2), (NOW, 1)], IRIS, NOW) == ["taken", "taken", "repeated"]
    assert there.take([(NOW, 2), (NOW, 3), (NOW + 1, 2)], IRIS, NOW) == ["repeated", "taken", "taken"]


def test_what_is_older_than_a_label_may_be_is_late(path: Path) -> None:
    """A second decides; a clock of another instance that is fast does no harm."""
    tokens = [(NOW - LATE_S - 1, 1), (NOW - LATE_S, 2), (NOW + 60, 3)]
    assert Seen(path).take(tokens, IRIS, NOW) == ["late", "taken", "taken"]


def test_when_it_is_full_the_oldest_go_and_are_late_from_then_on(path: Path) -> None:
    """By when they were given, not by when their labels came."""
    kept = Seen(path, most=3)
    assert kept.take([(NOW + 4, 1), (NOW + 1, 2), (NOW + 2, 3)], IRIS, NOW) == ["taken"] * 3
    assert kept.take([(NOW + 3, 4)], IRIS, NOW) == ["taken"]
    found = kept.take([(NOW + 1, 2), (NOW + 1, 5), (NOW, 6), (NOW + 2, 3), (NOW + 4, 1)], IRIS, NOW)
    assert found == ["late", "late", "late", "repeated", "repeated"]
    assert Seen(path, most=3).take([(NOW + 1, 7), (NOW + 2, 8)], IRIS, NOW) == ["late", "taken"]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9)), max_size=30), st.integers(1, 8))
def test_none_is_taken_twice_whatever_comes(
    tmp_path_factory: pytest.TempPathFactory, tokens: list[tuple[int, int]], most: int
) -> None:
    """In whatever order; and never more of them are remembered than there is room for."""
    path = tmp_path_factory.mktemp("seen") / "feedback.db"
    taken: Counter[tuple[int, int]] = Counter()
    for start in range(0, len(tokens), 5):
        request = tokens[start : start + 5]
        found = Seen(path, most).take(request, IRIS, 5)
        taken.update(token for token, outcome in zip(request, found, strict=True) if outcome == "taken")
        with contextlib.closing(sqlite3.connect(path)) as file:
            [(rows,)], [(count,)] = (
                file.execute(query).fetchall()
                for query in ("SELECT count(*) FROM seen", "SELECT tokens FROM state")
            )
        assert rows == count <= most
    assert set(taken.values()) <= {1}


def test_processes_that_write_at_once_take_each_token_once(path: Path) -> None:
    """They wait for each other."""
    tokens = [(NOW, number) for number in range(500)]
    with ThreadPoolExecutor(8) as pool:
        found = pool.map(lambda _: Seen(path).take(tokens, IRIS, NOW).count("taken"), range(8))
    assert sum(found) == len(tokens)


def test_a_million_tokens_have_room(path: Path) -> None:
    """In 25 MB, whatever comes after; and a request among them is not slow."""
    kept = Seen(path)
    kept.take([(NOW, 0)], IRIS, NOW)
    with contextlib.closing(sqlite3.connect(path)) as file:
        file.execute("PRAGMA synchronous = OFF")
        rows = ((NOW + 1 + number // 100, number) for number in range(MOST_TOKENS))
        file.executemany("INSERT INTO seen VALUES (?, ?)", rows)
        file.execute("UPDATE state SET tokens = ?", (MOST_TOKENS + 1,))
        file.commit()
    full = path.stat().st_size
    assert full < 25e6
    for request in range(3):
        last = NOW + MOST_TOKENS // 100 + request
        tokens = [(last, 2**62 + number) for number in range(4096)]
        assert set(kept.take(tokens, IRIS, last)) == {"taken"}
        assert kept.take([(NOW, 0), tokens[0]], IRIS, last) == ["late", "repeated"]
    assert path.stat().st_size < 1.05 * full


def test_versions_are_told_by_when_their_labels_came(path: Path) -> None:
    """To every process; none where none came, and what was known while another writes."""
    here, there = Seen(path), Seen(path)
    assert here.labelled() == {}
    assert not path.exists()
    before = time.monotonic()
    here.take([(NOW, 1)], IRIS, NOW)
    there.take([(NOW, 2)], [("iris", "4")], NOW)
    found = here.labelled()
    assert found.keys() == {("iris", "3"), ("iris", "4")}
    assert before < found["iris", "3"] < found["iris", "4"] < time.monotonic()
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.execute("BEGIN EXCLUSIVE")
        assert here.labelled() == found


def test_what_cannot_be_written_takes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that stands still with the file is waited for, in vain in the end; then all is as before."""
    monkeypatch.setattr(seen, "WAIT_S", 0.05)
    Seen(path).take([(NOW, 1)], IRIS, NOW)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            Seen(path).take([(NOW, 2)], IRIS, NOW)
    assert Seen(path).take([(NOW, 2)], IRIS, NOW) == ["taken"]


def test_a_file_that_a_cleaner_removed_is_begun_anew(path: Path) -> None:
    """Labels go on; what was taken before is forgotten."""
    kept = Seen(path)
    kept.take([(NOW, 1)], IRIS, NOW)
    path.unlink()
    assert kept.take([(NOW, 1)], IRIS, NOW) == ["taken"]


def test_a_process_that_is_killed_leaves_nothing_half_done(path: Path) -> None:
    """What it wrote and did not finish is taken back by the next, from SQLite's journal."""
    Seen(path).take([(NOW, 1)], IRIS, NOW)
    subprocess.run([sys.executable, "-c", KILLED, path, str(NOW)], check=True)
    assert path.with_name(path.name + "-journal").exists()
    assert Seen(path).take([(NOW, 1), (NOW, 2)], IRIS, NOW) == ["repeated", "taken"]
