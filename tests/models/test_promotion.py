"""What is written down of promotions, which version a rollback goes to, and who may move CURRENT."""

import itertools
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.artifact import Artifact
from models.errors import PromotedMeanwhileError, StoreError, UnknownModelError
from models.promotion import HISTORY, By, History, Promotion
from models.repository import CURRENT, Repository

Publish = Callable[..., Artifact]

# Run as `python -c`: moves CURRENT on from what it named a moment ago, until it did so fifty times.
PROMOTER = """
import sys
from pathlib import Path
from models.errors import PromotedMeanwhileError
from models.repository import Repository

repository = Repository(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.read()
moved = 0
while moved < 50:
    seen = repository.current("tiny")
    try:
        repository.promote("tiny", 3 - seen, instead_of=seen)
    except PromotedMeanwhileError:
        continue
    moved += 1
    print(seen, 3 - seen)
"""

# Run as `python -c`: dies after the history is written and before CURRENT is.
CRASHER = """
import os, sys
from pathlib import Path
from models import durable
from models.repository import Repository

replace = durable.replace
durable.replace = lambda path, content: os._exit(9) if path.name == "CURRENT" else replace(path, content)
Repository(Path(sys.argv[1])).promote("tiny", int(sys.argv[2]))
"""


def written(repository: Repository) -> list[dict[str, Any]]:
    document = json.loads((repository.root / "tiny" / HISTORY).read_bytes())
    assert list(document) == ["promotions"]
    found: list[dict[str, Any]] = document["promotions"]
    return found


def history(*entries: tuple[int, By]) -> History:
    time = datetime.now(UTC)
    return History(
        promotions=tuple(Promotion(version=v, digest="0" * 64, time=time, by=by) for v, by in entries)
    )


def test_every_promotion_is_written_down(repository: Repository, publish: Publish) -> None:
    """With its digest, a time in UTC and how; no more than ten; one of what is CURRENT already is none."""
    first = publish()
    publish()
    repository.promote("tiny", 1)
    repository.promote("tiny", 1)
    found = written(repository)
    assert [(each["version"], each["by"]) for each in found] == [
        (1, "published"),
        (2, "published"),
        (1, "promoted"),
    ]
    assert found[0]["digest"] == found[2]["digest"] == first.digest
    assert all(each["time"].endswith("Z") for each in found)
    for version in (2, 1) * 6:
        repository.promote("tiny", version)
    assert [each["version"] for each in written(repository)] == [2, 1] * 5


def test_a_version_may_be_published_and_not_promoted(repository: Repository, publish: Publish) -> None:
    """It is complete; CURRENT and its history stay as they were, absent too."""
    hidden = repository.publish("tiny", *_ingredients(publish), promote=False)
    assert hidden.manifest.version == 2
    assert repository.resolve("tiny", 2) == hidden
    assert repository.current("tiny") == 1
    assert [each["version"] for each in written(repository)] == [1]
    alone = Repository(repository.root.with_name("other"))
    alone.publish("tiny", *_ingredients(publish), promote=False)
    assert alone.versions("tiny") == [1]
    assert alone.names() == []
    with pytest.raises(UnknownModelError):
        alone.current("tiny")
    assert not (alone.root / "tiny" / HISTORY).exists()


def _ingredients(publish: Publish) -> tuple[dict[str, bytes | Path], Any]:
    artifact = publish()
    manifest = artifact.manifest
    return (
        {file: artifact.read(file) for file in manifest.files},
        lambda version, files: manifest.model_copy(update={"version": version, "files": files}),
    )


def test_current_moves_only_from_what_it_is_expected_to_name(
    repository: Repository, publish: Publish
) -> None:
    """Else the error says what it names, and nothing changes; None expects no CURRENT."""
    publish(), publish()
    for expected in (1, 3, None):
        with pytest.raises(PromotedMeanwhileError, match=r"/tiny/CURRENT: names 2, not (1|3|nothing)$"):
            repository.promote("tiny", 1, instead_of=expected)
    assert repository.current("tiny") == 2
    repository.promote("tiny", 1, instead_of=2)
    assert repository.current("tiny") == 1
    (repository.root / "tiny" / CURRENT).unlink()
    with pytest.raises(PromotedMeanwhileError, match=r"names nothing, not 1$"):
        repository.promote("tiny", 2, instead_of=1)
    repository.promote("tiny", 2, instead_of=None)
    assert repository.current("tiny") == 2
    (repository.root / "tiny" / CURRENT).write_text("latest")
    with pytest.raises(StoreError, match="'latest' is not a version"):
        repository.promote("tiny", 1, instead_of=2)
    repository.promote("tiny", 1)
    assert repository.current("tiny") == 1


def test_of_two_that_move_current_from_one_version_one_does(repository: Repository, publish: Publish) -> None:
    """Two processes that take turns as they come: the moves that succeeded make one unbroken chain."""
    publish(), publish()
    command: list[str | Path] = [sys.executable, "-c", PROMOTER, repository.root]
    children = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    for child in children:
        assert child.stdin is not None
        child.stdin.close()
    moves = []
    for child in children:
        with child:
            assert child.stdout is not None
            moves += child.stdout.read().splitlines()
        assert child.returncode == 0
    # From 2 to 1 and back: in a chain either move is made as often as the other.
    assert moves.count("2 1") == moves.count("1 2") == 50
    assert repository.current("tiny") == 2
    assert [each["version"] for each in written(repository)] == [1, 2] * 5


def test_a_crash_before_current_is_no_promotion(repository: Repository, publish: Publish) -> None:
    """The history names what CURRENT does not yet: the next promotion drops that, and a rollback is right."""
    for _ in range(3):
        publish()
    repository.promote("tiny", 2)
    child = subprocess.run([sys.executable, "-c", CRASHER, repository.root, "1"], check=False)
    assert child.returncode == 9
    assert [each["version"] for each in written(repository)] == [1, 2, 3, 2, 1]
    assert repository.current("tiny") == 2
    repository.promote("tiny", 3)
    assert [each["version"] for each in written(repository)] == [1, 2, 3, 2, 3]


@pytest.mark.parametrize(
    "text", [None, b"", b"{", b'{"promotions": 1}', b'{"promotions": [{"version": 0}]}', b"\xff"]
)
def test_a_history_that_is_missing_or_broken_begins_anew(
    repository: Repository, publish: Publish, text: bytes | None
) -> None:
    """With what CURRENT names, though nobody wrote it down; a store of an earlier release is like that."""
    publish(), publish()
    path = repository.root / "tiny" / HISTORY
    path.unlink() if text is None else path.write_bytes(text)
    assert repository.resolve("tiny").manifest.version == 2
    repository.promote("tiny", 1)
    found = written(repository)
    assert [(each["version"], each["by"]) for each in found] == [(2, "promoted"), (1, "promoted")]
    assert found[0]["digest"] == repository.resolve("tiny", 2).digest


def test_a_promotion_by_who_keeps_no_history_is_added(repository: Repository, publish: Publish) -> None:
    """As by an earlier release: CURRENT names neither of the last two."""
    for _ in range(4):
        publish()
    (repository.root / "tiny" / CURRENT).write_text("1\n")
    repository.promote("tiny", 3)
    assert [each["version"] for each in written(repository)] == [1, 2, 3, 4, 1, 3]


@pytest.mark.parametrize(
    ("entries", "before"),
    [
        ([], None),
        ([(1, "published")], None),
        ([(1, "published"), (2, "published")], 1),
        ([(1, "published"), (2, "published"), (3, "published"), (2, "rolled back")], 1),
        ([(1, "published"), (2, "published"), (1, "rolled back")], None),
        ([(1, "published"), (2, "published"), (1, "rolled back"), (2, "promoted")], 1),
        ([(1, "published"), (2, "published"), (1, "promoted")], 2),
        ([(4, "rolled back"), (3, "rolled back")], None),
        ([(3, "rolled back"), (5, "published")], 3),
    ],
)
def test_what_came_before(entries: list[tuple[int, By]], before: int | None) -> None:
    """Rollbacks walk back; a promotion goes on from there."""
    assert history(*entries).before == before


@given(st.lists(st.integers(1, 4), min_size=1, max_size=10))
def test_rollbacks_walk_back_to_the_first(versions: list[int]) -> None:
    """Through every promotion that changed something, and then there is nothing before."""
    kept = history(*((version, "published") for version in versions))
    walked = [versions[-1]]
    while (before := kept.before) is not None:
        walked.append(before)
        # The file holds ten; the trail is replayed from all of them here.
        kept = History(promotions=(*kept.promotions, *history((before, "rolled back")).promotions))
    assert walked[::-1] == [key for key, _ in itertools.groupby(versions)]
