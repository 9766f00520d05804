"""Make room in a store: remove a model's old versions. Knows nothing of what they hold."""

import contextlib
import os
import re
import secrets
import shutil
import stat
import time
from dataclasses import dataclass
from pathlib import Path

from models import durable, shelf
from models.beneath import Folder
from models.repository import Repository

BESIDE = ("sig", "gate.json")
LEFT_S = 24 * 3600.0
"""Whoever writes a file into the store has renamed it by then, or died."""
LEFT = re.compile(r"\.[a-z0-9][a-z0-9.-]*-[0-9a-f]{16}")
"""What publishers, promoters and signers write before the rename."""
HALF = re.compile(r"\.prune-([1-9][0-9]{0,8})-[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class Pruned:
    """Which versions were removed and which stay, and what crashed writers had left that was removed too."""

    removed: list[int]
    kept: list[int]
    leftovers: list[str]


def prune(repository: Repository, name: str, keep: int) -> Pruned:
    """Remove all but the newest `keep` versions of a model, and what crashed writers left a day ago.

    What CURRENT names stays, what came before it, and the highest number; so does a link. A version
    disappears by one rename. Raises StoreError, before anything is removed, for an unknown model or a CURRENT
    that is broken, OSError when the store cannot be written.
    """
    with repository.opened(name, links=0) as model, model.locked():
        complete = shelf.versions(model)
        kept = _kept(model, complete, keep)
        removed = [version for version in complete if version not in kept]
        leftovers = _leftovers(model)
        for left in leftovers:
            _remove(model.path / left)
        for version in removed:
            hidden = model.path / f".prune-{version}-{secrets.token_hex(8)}"
            (model.path / str(version)).rename(hidden)
            _remove(hidden)
        durable.sync(model.path)
    return Pruned(removed, [version for version in complete if version in kept], leftovers)


def _kept(model: Folder, complete: list[int], keep: int) -> set[int]:
    kept = {*complete[-keep:], *complete[-1:]}
    if model.has(shelf.CURRENT):
        current, before = shelf.current(model), shelf.history(model).before
        # A store of an earlier release has no history: then the next lower number may be the one.
        lower = [version for version in complete if version < current]
        kept |= {current, *([before] if before else lower[-1:])}
    return kept


def _leftovers(model: Folder) -> list[str]:
    """Return what nobody goes on with: halves of a removal, and drafts that are older than a day."""
    found = []
    for entry in sorted(model.names()):
        with contextlib.suppress(FileNotFoundError):  # a publisher was done with it
            if HALF.fullmatch(entry) or (
                LEFT.fullmatch(entry) and time.time() - (model.path / entry).lstat().st_mtime > LEFT_S
            ):
                found.append(entry)
    return found


def _remove(path: Path) -> None:
    """Remove a draft, or a version that was renamed already: first what lies beside it."""
    half = HALF.fullmatch(path.name)
    if half and not os.path.lexists(path.with_name(half[1])):
        for what in BESIDE:
            path.with_name(f"{half[1]}.{what}").unlink(missing_ok=True)
    if stat.S_ISDIR(path.lstat().st_mode):
        shutil.rmtree(path)
    else:
        path.unlink()
