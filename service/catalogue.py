"""The versions that answer in one HTTP process, by the table that main committed. Knows no connections.

A request gets its version when it is complete. Whichever process meets a version first opens it, from its
staged copy: that main has a table prepared only saves the first request the milliseconds.
"""

from __future__ import annotations

import gc
import hashlib
import json
import logging
import time
from typing import TYPE_CHECKING

from models.errors import StoreError
from service.errors import InternalError, NoSuchModelError
from service.feedback.token import classes_digest
from service.metrics.versions import VersionCounts
from service.oip.codec import InferCodec
from service.plane.call import Way
from service.plane.queue import Queue
from service.predict.codec import PredictCodec

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from models.repository import Artifact
    from service.drift.reader import Reader
    from service.feedback.labels import Labels
    from service.library.table import Committed, Served, Table
    from service.metrics.declared import Metrics
    from service.plane.places import Places
    from service.settings import Settings

TAKEN = {"name", "kind"}
FORGET_S = 60.0
SHOWN_S = 900.0
"""How long series of a version stay in the scrape when it answers no more."""
LABELLED_S, FORMER = 86400.0, 4
"""With feedback the last FORMER versions of a model stay so long, also after their last label: labels may
come once a day, and a counter that begins with them tells no increase."""

log = logging.getLogger("logitserve.catalogue")


class Version:
    """One version: its codecs, the queue in front of them, what is counted of it."""

    def __init__(self, artifact: Artifact, settings: Settings, labels: Labels | None = None) -> None:
        """`labels`, where feedback is on, makes the tokens of its answers."""
        self.artifact = artifact
        self.manifest = manifest = artifact.manifest
        self.digest = artifact.digest
        self.number = str(manifest.version)
        described = json.dumps([item.model_dump(include=TAKEN) for item in manifest.inputs])
        self.inputs_digest = hashlib.sha256(described.encode()).hexdigest()
        """The same while the model takes the same rows by position, whatever columns held in training."""
        self.counts = counts = VersionCounts(manifest.name, self.number, manifest.classes)
        self.queue = Queue(bytes.fromhex(self.digest), len(manifest.classes), len(manifest.inputs), counts)
        limits = (
            manifest,
            settings.max_rows,
            settings.max_body_bytes,
            counts.labels,
            counts.unseen,
            counts.refused,
        )
        issuer = None if labels is None else labels.issuer(manifest)
        self.classes_digest = classes_digest(manifest.classes)
        self.predict = Way(self.queue, PredictCodec(*limits, issuer=issuer).decode)
        self.infer = Way(self.queue, InferCodec(*limits, issuer=issuer).decode)


class Catalogue:
    """What answers now. Every look-up first sees whether main has committed another table."""

    def __init__(
        self,
        settings: Settings,
        read: Callable[[int], Table],
        load: Callable[[str], Artifact],
        committed: Committed,
        places: Places,
        metrics: Metrics,
        drift: Reader,
        labels: Labels | None = None,
    ) -> None:
        """`read` reads a table by its number, `load` a staged copy by its digest.

        `labels` are there where feedback is on.
        """
        self._settings = settings
        self._read = read
        self._load = load
        self._word = committed.word
        self._places = places
        self._metrics = metrics
        self._drift = drift
        self._labels = labels
        self._number = 0
        self._opened: dict[str, Version] = {}
        self._leaving: list[Version] = []
        self._numbered: dict[tuple[str, str], str] = {}
        self._left: dict[tuple[str, str], float] = {}
        """When versions left that answered."""
        self._forgot = 0.0
        self._follow()

    # Of requests.

    def predict(self) -> Way:
        """Return the way of `/predict`. Raises NoSuchModelError when the default model is unloaded."""
        if self._number != self._word[0]:
            self._follow()
        return self._default or self.find(self._table.default).predict

    def find(self, model: str, version: str | None = None) -> Version:
        """Return a version of a model, its current one where none is named. Raises NoSuchModelError."""
        if self._number != self._word[0]:
            self._follow()
        digest = self._table.current.get(model) if version is None else self._numbered.get((model, version))
        if digest is None:
            raise NoSuchModelError
        try:
            return self._open(digest)
        except StoreError as error:  # its copy was removed: main has it staged anew
            log.error("%s", error)  # noqa: TRY400 - one line
            raise InternalError("the model's files cannot be read") from None

    def knows(self, model: str, version: str | None = None) -> bool:
        """Return whether such a name is one of those that answer, by the table last looked at."""
        return model in self._table.current if version is None else (model, version) in self._numbered

    # Of people.

    @property
    def number(self) -> int:
        """The number of the table by which this process answers."""
        return self._number

    @property
    def table(self) -> Table:
        """What main committed."""
        if self._number != self._word[0]:
            self._follow()
        return self._table

    def serves(self) -> bool:
        """Return whether the default model is loaded."""
        return self.table.default in self._table.current

    def default(self) -> Version:
        """Return the version of `/predict`. Raises NoSuchModelError."""
        return self.find(self.table.default)

    def current(self) -> list[Served]:
        """Return which version of each model answers where none is named."""
        table = self.table
        return [each for each in table.versions if table.current.get(each.model) == each.digest]

    def of(self, model: str) -> list[Version]:
        """Return all versions of a model that answer, oldest first. Raises NoSuchModelError."""
        found = [served for served in self.table.versions if served.model == model]
        if not found:
            raise NoSuchModelError
        return [self.find(model, str(served.version)) for served in sorted(found)]

    def classes(self, model: str, digest: bytes) -> Sequence[str] | None:
        """Return the classes of a model that have this digest, if a version that answers has them."""
        if self._number != self._word[0]:
            self._follow()
        of_model = (version for version in self._opened.values() if version.manifest.name == model)
        return next((each.manifest.classes for each in of_model if each.classes_digest == digest), None)

    def is_over(self, model: str, version: str) -> bool:
        """Return whether nobody needs to see any more what was counted of a version."""
        if (model, version) in self._numbered:
            return False
        now = time.monotonic()
        left = self._left.setdefault((model, version), now)
        if self._labels is None:
            return now - left > SHOWN_S
        later = sum(name == model and other > left for (name, _), other in self._left.items())
        last = max(left, self._labels.last(model, version))
        return now - last > (LABELLED_S if later < FORMER else SHOWN_S)

    # Of main.

    def prepare(self, number: int) -> None:
        """Open the versions of a table that is about to be committed, and let go of what left with the last.

        Without requests nobody else looks; and a version is cyclic garbage, which Python finds late.
        """
        if self._number != self._word[0]:
            self._follow()
        gc.collect()
        try:
            table = self._read(number)
        except FileNotFoundError:  # there is a newer one
            return
        self._open_all(table)

    def _follow(self) -> None:
        """Answer by the table that is committed."""
        while True:
            number = self._word[0]
            try:
                table = self._read(number)
                break
            except FileNotFoundError:
                if number == self._word[0]:
                    if self._number:  # a cleaner of old files was there: main writes it again
                        return
                    raise
        self._number, self._table = number, table
        self._open_all(table)
        before, now = self._numbered, time.monotonic()
        self._numbered = {(each.model, str(each.version)): each.digest for each in table.versions}
        self._left |= dict.fromkeys(before.keys() - self._numbered.keys(), now)
        for key in self._numbered:
            self._left.pop(key, None)
        self._metrics.flush()  # of what leaves nobody asks later
        self._forget(now)
        holds = {served.digest for served in table.versions}
        waiting = {job.queue for job in self._places.jobs}
        self._leaving = [version for version in self._leaving if version.queue in waiting]
        self._leaving += [version for digest, version in self._opened.items() if digest not in holds]
        self._opened = {digest: version for digest, version in self._opened.items() if digest in holds}
        self._arrange()

    def _forget(self, now: float) -> None:
        """Let go of what was counted of versions that are over; seldom, for all series are looked at."""
        if now - self._forgot < FORGET_S:
            return
        self._forgot = now
        self._metrics.forget(self.is_over)
        self._drift.forget(self.is_over)
        shown_s = SHOWN_S
        if self._labels is not None:
            self._labels.forget(self.is_over)
            shown_s = LABELLED_S
        # Longer than they are shown: another process may forget a little later.
        self._left = {key: left for key, left in self._left.items() if now - left < 2 * shown_s}

    def _open_all(self, table: Table) -> None:
        for served in table.versions:
            try:
                self._open(served.digest)
            except StoreError as error:  # who asks for it tries again
                log.error("%s", error)  # noqa: TRY400 - one line

    def _open(self, digest: str) -> Version:
        version = self._opened.get(digest)
        if version is None:
            version = self._opened[digest] = Version(self._load(digest), self._settings, self._labels)
            if self._number:
                self._arrange()
        return version

    def _arrange(self) -> None:
        """Share out places among the models, and have all that may count be flushed."""
        current = set(self._table.current.values())
        default = self._table.current.get(self._table.default)
        opened = self._opened.get(default) if default else None
        self._default = opened and opened.predict
        versions = [*self._opened.values(), *self._leaving]
        self._places.reserve(
            [version.queue for version in versions if version.digest in current],
            [version.queue for version in versions if version.digest not in current],
        )
        self._metrics.version_counts = [version.counts for version in versions]
