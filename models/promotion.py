"""The last promotions of a model, and which version came before. Knows nothing of what a version holds."""

import contextlib
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from models.beneath import Folder
from models.errors import StoreError
from models.parts import LAST_VERSION, Sha256

HISTORY = "promotion.json"
KEPT = 10
_MOST_BYTES = 64 * 1024
"""Ten promotions are below 2 KB."""

By = Literal["published", "promoted", "rolled back"]


class Promotion(BaseModel):
    """A version became CURRENT. `digest` is null where that version could not be read."""

    model_config = ConfigDict(frozen=True)

    version: Annotated[int, Field(ge=1, le=LAST_VERSION)]
    digest: Sha256 | None
    time: AwareDatetime
    by: By


class History(BaseModel):
    """The last promotions, newest last. Fields that are not known here are passed over."""

    model_config = ConfigDict(frozen=True)

    promotions: tuple[Promotion, ...] = ()

    @classmethod
    def read(cls, model: Folder) -> "History":
        """Read a model's history; one that is missing or broken is empty, since nothing is served by it."""
        with contextlib.suppress(StoreError, ValidationError):
            if model.has(HISTORY):
                with model.file(HISTORY) as stream:
                    return cls.model_validate_json(stream.read(_MOST_BYTES))
        return cls()

    def to_json(self) -> bytes:
        """Write the bytes of a promotion.json."""
        return self.model_dump_json(indent=2).encode() + b"\n"

    def settled(self, current: Promotion) -> "History":
        """Return the history that ends with what CURRENT names.

        The history is written before CURRENT. A last entry that CURRENT does not name, but the one before
        it, is of a promotion that never happened. Any other CURRENT came from whoever keeps no history.
        """
        done = self.promotions
        versions = [each.version for each in done[-2:]]
        if versions[-1:] == [current.version]:
            return self
        if versions[:1] == [current.version]:
            return History(promotions=done[:-1])
        return History(promotions=(*done, current))

    def then(self, promotion: Promotion) -> "History":
        """Return the history with one more promotion, unless it changes nothing."""
        last = self.promotions[-1:]
        if [(each.version, each.digest) for each in last] == [(promotion.version, promotion.digest)]:
            return self
        return History(promotions=(*self.promotions, promotion)[-KEPT:])

    @property
    def before(self) -> int | None:
        """The version to which a rollback goes, or None.

        Rollbacks walk back: what was left by one is not come back to by the next.
        """
        trail: list[int] = []
        for each in self.promotions:
            if each.by == "rolled back":
                _drop_to(trail, each.version)
            elif trail[-1:] != [each.version]:
                trail.append(each.version)
        return trail[-2] if len(trail) > 1 else None


def _drop_to(trail: list[int], version: int) -> None:
    """Leave what led up to a version; where that is no more known, the version alone."""
    while trail and trail[-1] != version:
        trail.pop()
    if not trail:
        trail.append(version)
