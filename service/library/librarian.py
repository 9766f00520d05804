"""What the store offers, staged as soon as it is verified: the only reader of the store, in its own process.

A mount that hangs or vanishes stops the librarian alone. Knows nothing of who serves what it offers.
"""

import contextlib
import gc
import hashlib
import multiprocessing
import os
import sys
import time
from collections.abc import Collection, Iterable, Mapping
from multiprocessing import connection
from multiprocessing.process import BaseProcess
from pathlib import Path

from models.artifact import MANIFEST
from models.beneath import Folder
from models.errors import StoreError, UnknownModelError, UnsignedError
from models.repository import Repository
from models.signature import TrustedKeys
from service.library.desk import Desk, Inside, Request, desk
from service.library.staged import discard, is_whole, stage, sweep
from service.library.table import Digest, Offer, Reason, Refused, Served
from service.lifetime import die_with, unsignalled

POLL_S = 1.0
"""How often the store is looked at: by what its files say, as notifications don't pass network mounts."""
TORN_S = 0.05
"""What is newly refused is looked at once more so much later: it may have been renamed meanwhile."""
REASONS: tuple[tuple[type[Exception], Reason], ...] = (
    (UnknownModelError, "missing"),
    (UnsignedError, "unsigned"),
    (StoreError, "broken"),
    (Exception, "unusable"),
)

Slot = tuple[str, int | None]
"""A model, and which version of it: None for the one that CURRENT names."""
Wanted = Mapping[str, tuple[int, ...] | None]
"""For each model the versions that are wanted: None for the one that CURRENT names, once it could be read."""


class Librarian:
    """What was found in the store so far; each `look` goes on from there."""

    def __init__(
        self,
        store: Path,
        run_dir: Path,
        default: str,
        *,
        names: Collection[str] | None = None,
        wanted: Wanted | None = None,
        max_versions: int,
        trusted: TrustedKeys | None = None,
    ) -> None:
        """Follow CURRENT of `names`, or of every model; or, where it is given, have `wanted` and no other.

        `default` is the model that goes before all others where not all fit. With `trusted` keys, a version
        must be signed by one of them.
        """
        self._repository = Repository(store)
        self.run_dir = run_dir
        self._default = default
        self._names = names
        self._wanted = None if wanted is None else dict(wanted)
        self._most = max_versions
        self._trusted = trusted
        self._kept: dict[Slot, Served] = {}
        self._refused: dict[Slot, Refused] = {}

    def resume(self, offer: Offer) -> None:
        """Go on from the last offer of a librarian that died, so that what has vanished meanwhile stays."""
        if self._wanted is None:
            self._kept = {(served.model, None): served for served in offer.wanted}
            return
        self._kept = {(served.model, served.version): served for served in offer.wanted}
        refused = {each.model for each in offer.refused}
        self._wanted = {model: versions for model, versions in self._wanted.items() if model in refused}
        self._wanted |= _versions(offer.wanted)

    def look(self) -> Offer:
        """Look at the store once, and stage what is new in it.

        What can't be had is refused, and looked at again each time. Whatever the model had before stays, as
        long as its copy is whole or might be again: who has it loaded can go on.
        """
        kept: dict[Slot, Served] = {}
        refused: dict[Slot, Refused] = {}
        for slot in self._slots():
            model, version = slot
            if len(kept) == self._most:
                refused[slot] = Refused(model, version, None, "limit", f"{model}: {self._too_many}")
                continue
            before = self._kept.get(slot)
            whole = before is not None and is_whole(self.run_dir, before.digest)
            found: Served | Refused | None = before
            if self._wanted is None or not whole:
                found = self._find(slot)
            if isinstance(found, Refused):
                refused[slot] = found
                found = before if whole or found.reason == "unusable" else None
            if found is not None:
                kept[slot] = found
        self._kept, self._refused = kept, refused
        if self._wanted is not None:  # what CURRENT named is not followed
            self._wanted |= _versions(served for (_, version), served in kept.items() if version is None)
            self._kept = {(served.model, served.version): served for served in kept.values()}
        return Offer(tuple(kept.values()), tuple(refused.values()))

    def load(self, model: str, versions: Collection[int] | None) -> str | None:
        """Want versions of a model in place of those before, CURRENT's by default; return why not, if so."""
        if self._wanted is None:
            return f"{model}: what is served follows CURRENT"
        slots: list[Slot] = [(model, version) for version in sorted(set(versions or ()))] or [(model, None)]
        others = {slot: served for slot, served in self._kept.items() if served.model != model}
        if len(others) + len(slots) > self._most:
            return f"{model}: {self._too_many}"
        found = []
        for slot in slots:
            each = self._find(slot)
            if isinstance(each, Refused):
                return each.message
            found.append(each)
        self._wanted |= _versions(found)
        self._kept = others | {(model, served.version): served for served in found}
        return None

    def unload(self, model: str) -> str | None:
        """Want no version of a model any more; return why not, if so."""
        if self._wanted is None:
            return f"{model}: what is served follows CURRENT"
        if model not in self._wanted:
            return f"{model}: not loaded"
        del self._wanted[model]
        self._kept = {slot: served for slot, served in self._kept.items() if served.model != model}
        return None

    def discard(self, digest: Digest) -> None:
        """Remove a version's copy, unless it is on offer (again)."""
        if all(served.digest != digest for served in self._kept.values()):
            discard(self.run_dir, digest)

    @property
    def _too_many(self) -> str:
        return f"more than the {self._most} versions of SERVICE_MAX_VERSIONS"

    def _slots(self) -> list[Slot]:
        """Return what to look at: the default model first, then by name and number."""
        slots: Iterable[Slot]
        if self._wanted is not None:
            slots = [
                (model, version) for model, listed in self._wanted.items() for version in listed or (None,)
            ]
        elif self._names is not None:
            slots = [(name, None) for name in self._names]
        else:
            slots = {(name, None) for name in (self._default, *self._listed())} | self._kept.keys()
        return sorted(slots, key=lambda slot: (slot[0] != self._default, slot[0], slot[1] or 0))

    def _listed(self) -> list[str]:
        with contextlib.suppress(StoreError):  # no reason to lose any: each is looked at by itself
            return self._repository.names()
        return []

    def _find(self, slot: Slot) -> Served | Refused:
        """Return what a slot has now, staged."""
        found = self._read(slot)
        if isinstance(found, Refused) and found != self._refused.get(slot):
            time.sleep(TORN_S)
            found = self._read(slot)
        return found

    def _read(self, slot: Slot) -> Served | Refused:
        model, version = slot
        digest = None
        try:
            if version is None:
                version = self._repository.current(model)
            digest = self._digest(model, version)
            before = self._kept.get(slot)
            if before == (model, version, digest) and is_whole(self.run_dir, before.digest):
                return before
            artifact = self._repository.resolve(model, version, self._trusted)
            digest = artifact.digest
            stage(self.run_dir, artifact)
        except (StoreError, OSError, MemoryError) as error:
            reason = next(reason for kind, reason in REASONS if isinstance(error, kind))
            return Refused(model, version, digest, reason, _line(model, error))
        return Served(model, version, digest)

    def _digest(self, model: str, version: int) -> Digest | None:
        """Return the digest that a version has in the store, if there is one; nothing is verified."""
        with (
            contextlib.suppress(StoreError),
            Folder.root(self._repository.root) as root,
            root.folder(f"{model}/{version}") as folder,
            folder.file(MANIFEST) as stream,
        ):
            return hashlib.sha256(stream.read()).hexdigest()
        return None


def start(librarian: Librarian, inherited: Iterable[int] = ()) -> tuple[BaseProcess, Desk]:
    """Fork the process of a librarian, which sends each offer that differs from the one before.

    It closes the descriptors that it `inherited`: one that hangs beyond any signal must not keep a port or
    a lock.
    """
    outside, inside = desk()
    process = multiprocessing.get_context("fork").Process(
        target=_run, args=(librarian, inside, outside, inherited, os.getpid()), name="librarian"
    )
    with unsignalled():
        process.start()
    inside.close()
    return process, outside


def _run(librarian: Librarian, inside: Inside, outside: Desk, inherited: Iterable[int], main: int) -> None:
    die_with(main)
    if sys.platform == "linux":
        Path("/proc/self/comm").write_text("librarian")  # as ps shows it
    gc.freeze()  # what main had stays shared with it
    outside.close()
    for descriptor in inherited:
        os.close(descriptor)
    sweep(librarian.run_dir)
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        _watch(librarian, inside, main)


def _watch(librarian: Librarian, inside: Inside, main: int) -> None:
    """Look each second, and at once when a request has come, until main is gone."""
    told = None
    requests: list[Request] = []
    while os.getppid() == main:
        due = time.monotonic() + POLL_S
        done = [(request, _do(librarian, request)) for request in requests]
        if (offer := librarian.look()) != told:
            inside.offer(offer)
            told = offer
        for request, error in done:  # after the offer in which it can be seen
            inside.answer(request, error)
        while not (requests := inside.take()) and (left := due - time.monotonic()) > 0:
            connection.wait([inside.fileno()], left)


def _do(librarian: Librarian, request: Request) -> str | None:
    """Do what is requested; return why not, if so."""
    if "load" in request:
        return librarian.load(request["load"], request.get("versions"))
    if "unload" in request:
        return librarian.unload(request["unload"])
    librarian.discard(request["discard"])
    return None


def _versions(found: Iterable[Served]) -> dict[str, tuple[int, ...]]:
    """Return the numbers that each model has."""
    numbers: dict[str, tuple[int, ...]] = {}
    for served in found:
        numbers[served.model] = (*numbers.get(served.model, ()), served.version)
    return numbers


def _line(model: str, error: Exception) -> str:
    if isinstance(error, StoreError):
        return str(error)
    why = error.strerror if isinstance(error, OSError) else "out of memory"
    return f"{model}: it could not be staged: {why}"
