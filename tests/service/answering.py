"""A catalogue of versions that a test makes, without files or main."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from models.errors import StoreError
from service.catalogue import Catalogue
from service.library.table import Committed, Refused, Served, Table
from service.plane.places import Places
from service.settings import Settings

if TYPE_CHECKING:
    from models.artifact import Artifact
    from service.feedback.labels import Labels


def numbered(artifact: Artifact, version: int, name: str | None = None) -> Artifact:
    """Return the artifact as another version, or another model, under a digest of its own."""
    named = name or artifact.manifest.name
    manifest = artifact.manifest.model_copy(update={"version": version, "name": named})
    digest = hashlib.sha256(f"{named} {version}".encode()).hexdigest()
    return replace(artifact, manifest=manifest, digest=digest)


def served(artifact: Artifact) -> Served:
    """Return the line of a version in a table."""
    return Served(artifact.manifest.name, artifact.manifest.version, artifact.digest)


class Store:
    """The tables that main wrote, and the copies that it staged."""

    def __init__(self) -> None:
        self.committed = Committed()
        self.tables: dict[int, Table] = {}
        self.copies: dict[str, Artifact] = {}
        self.loaded: list[str] = []
        """Digests, in the order in which they were loaded."""

    def write(self, number: int, *artifacts: Artifact, refused: tuple[Refused, ...] = ()) -> None:
        """Write a table, the first one's model the default; of one model's versions the last is current."""
        lines = tuple(served(artifact) for artifact in artifacts)
        default = artifacts[0].manifest.name if artifacts else self.tables[number - 1].default
        current = {line.model: line.digest for line in lines}
        self.tables[number] = Table(default, current, lines, refused)
        self.copies |= {artifact.digest: artifact for artifact in artifacts}

    def commit(self, number: int, *artifacts: Artifact, refused: tuple[Refused, ...] = ()) -> None:
        """Write a table and have it hold."""
        self.write(number, *artifacts, refused=refused)
        self.committed.number = number

    def read(self, number: int) -> Table:
        """Return a table, as a file is read."""
        if number not in self.tables:
            raise FileNotFoundError(number)
        return self.tables[number]

    def load(self, digest: str) -> Artifact:
        """Return a copy, as files are read."""
        if digest not in self.copies:
            raise StoreError(f"{digest}: no such copy")
        self.loaded.append(digest)
        return self.copies[digest]

    def catalogue(
        self,
        places: Places | None = None,
        metrics: Any = None,
        labels: Labels | None = None,
        **settings: Any,
    ) -> Catalogue:
        """Return what an HTTP process makes of it."""
        return Catalogue(
            Settings.model_validate(settings),
            self.read,
            self.load,
            self.committed,
            Places(1000) if places is None else places,
            metrics or SimpleNamespace(flush=lambda: None, forget=lambda _: None, version_counts=()),
            SimpleNamespace(forget=lambda _: None),  # type: ignore[arg-type]
            labels,
        )


def answering(*artifacts: Artifact, **settings: Any) -> Catalogue:
    """Return a catalogue in which these versions answer, the first one's model by default."""
    store = Store()
    store.commit(1, *artifacts)
    return store.catalogue(**settings)
