"""What is removed from a store, what never is, and that no reader sees half of a version."""

import os
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from models.artifact import Artifact
from models.errors import StoreError, UnknownModelError
from models.pruning import prune
from models.repository import CURRENT, Repository

Publish = Callable[..., Artifact]

# Run as `python -c`: dies with a version renamed and nothing of it removed.
CRASHER = """
import os, shutil, sys
from pathlib import Path
from models import pruning
from models.repository import Repository

pruning._remove = lambda path: os._exit(9)
pruning.prune(Repository(Path(sys.argv[1])), "tiny", 1)
"""

# Run as `python -c`: reads a version until it is gone; fails when it was ever refused as broken.
READER = """
import sys
from pathlib import Path
from models.errors import UnknownModelError
from models.repository import Repository

repository = Repository(Path(sys.argv[1]))
repository.resolve("tiny", 1)
print("ready", flush=True)
while True:
    try:
        repository.resolve("tiny", 1)
    except UnknownModelError:
        break
"""


def test_the_newest_stay(repository: Repository, publish: Publish) -> None:
    """With all that lies beside the others gone, and nothing else touched."""
    for version in range(1, 6):
        publish()
        for what in ("sig", "gate.json"):
            (repository.root / "tiny" / f"{version}.{what}").touch()
    done = prune(repository, "tiny", 3)
    assert (done.removed, done.kept, done.leftovers) == ([1, 2], [3, 4, 5], [])
    beside = [f"{version}{what}" for version in (3, 4, 5) for what in ("", ".gate.json", ".sig")]
    assert {path.name for path in (repository.root / "tiny").iterdir()} == {
        *beside,
        "CURRENT",
        "promotion.json",
    }
    assert prune(repository, "tiny", 3).removed == []
    assert repository.resolve("tiny").manifest.version == 5


def test_current_what_came_before_and_the_highest_stay(repository: Repository, publish: Publish) -> None:
    """However old they are; a rollback still works, and no number is given twice."""
    for _ in range(6):
        publish()
    repository.promote("tiny", 2)
    repository.promote("tiny", 3)
    assert prune(repository, "tiny", 1).kept == [2, 3, 6]
    assert repository.rollback("tiny").manifest.version == 2
    assert publish().manifest.version == 7


def test_without_a_history_the_next_lower_number_stays(repository: Repository, publish: Publish) -> None:
    """As in a store of an earlier release, where it may have been CURRENT before."""
    for _ in range(4):
        publish()
    (repository.root / "tiny" / "promotion.json").unlink()
    assert prune(repository, "tiny", 1).kept == [3, 4]


def test_a_model_that_was_never_promoted_is_pruned_too(repository: Repository, publish: Publish) -> None:
    """Nothing is CURRENT, and nothing was."""
    for _ in range(3):
        publish()
    (repository.root / "tiny" / CURRENT).unlink()
    assert prune(repository, "tiny", 2).kept == [2, 3]


def test_what_cannot_be_known_to_be_unused_is_not_removed(repository: Repository, publish: Publish) -> None:
    """Where CURRENT is broken all stays, and a link stays anyway."""
    for _ in range(3):
        publish()
    model = repository.root / "tiny"
    (model / "1").rename(model / "..one")
    (model / "1").symlink_to("..one")
    assert prune(repository, "tiny", 1).removed == []
    assert repository.versions("tiny") == [1, 2, 3]
    (model / CURRENT).write_text("latest\n")
    with pytest.raises(StoreError, match=r"'latest.* is not a version"):
        prune(repository, "tiny", 1)
    assert repository.versions("tiny") == [1, 2, 3]
    with pytest.raises(UnknownModelError):
        prune(repository, "absent", 1)


def test_what_crashed_writers_left_goes_after_a_day(repository: Repository, publish: Publish) -> None:
    """Younger, it may be a publisher at work; what others hide is theirs."""
    publish()
    model = repository.root / "tiny"
    yesterday = time.time() - 25 * 3600
    for name in (".publish-" + "0" * 16, ".publish-" + "1" * 16):
        (model / name).mkdir()
        (model / name / "model.pt").touch()
    for name in (".current-" + "0" * 16, "..2026_11_26-" + "0" * 16, ".nfs" + "0" * 16, ".DS_Store"):
        (model / name).touch()
    for path in model.iterdir():
        if path.name != ".publish-" + "1" * 16:
            os.utime(path, (yesterday, yesterday))
    assert prune(repository, "tiny", 1).leftovers == [".current-" + "0" * 16, ".publish-" + "0" * 16]
    kept = {path.name for path in model.glob(".*")}
    assert kept == {".publish-" + "1" * 16, "..2026_11_26-" + "0" * 16, ".nfs" + "0" * 16, ".DS_Store"}


def test_a_removal_that_crashed_is_finished_by_the_next(repository: Repository, publish: Publish) -> None:
    """The version is gone for readers at once; the next one removes it, and what lies beside it."""
    for _ in range(3):
        publish()
    model = repository.root / "tiny"
    (model / "1.sig").touch()
    child = subprocess.run([sys.executable, "-c", CRASHER, repository.root], check=False)
    assert child.returncode == 9
    assert repository.versions("tiny") == [2, 3]
    assert len(list(model.glob(".prune-1-*/manifest.json"))) == 1
    assert len(prune(repository, "tiny", 1).leftovers) == 1
    assert {path.name for path in model.iterdir()} == {"2", "3", "CURRENT", "promotion.json"}


def test_no_reader_sees_half_of_a_version(repository: Repository, publish: Publish) -> None:
    """A reader in another process finds the version whole, until it does not find it."""
    for _ in range(3):
        publish()
    command = [sys.executable, "-c", READER, str(repository.root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "ready\n"
        assert prune(repository, "tiny", 1).removed == [1]
    assert reader.returncode == 0
