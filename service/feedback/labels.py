"""True labels in one HTTP process: gives tokens out, checks and counts what comes back with them.

Knows nothing of requests. What comes together is checked whole before anything of it is counted.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np

from service.errors import MAX_DETAILS, InternalError, InvalidError, quote
from service.feedback.token import Issuer, fresh_numbers, token_id
from service.metrics.feedback import Labelled, Version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from models.manifest import Manifest
    from service.capture import Capture
    from service.feedback.seen import Seen
    from service.feedback.token import Keep, Key, Token
    from service.metrics.feedback import FeedbackMetrics

    Classes = Callable[[str, bytes], Sequence[str] | None]
    """Of a model's name and the digest of its classes: these, if a version that answers has them."""

AT_ONCE = 256
"""Tokens that are checked, in a millisecond, before others have their turn."""
LOOK_S = 1.0
"""How often the file is asked when labels last came."""
MOST_NAMED = 5
"""Labels that an error names."""

log = logging.getLogger("logitserve.feedback")


class Item(msgspec.Struct, forbid_unknown_fields=True):
    """A token, and the label that is true of its row."""

    token: str
    label: str


class Good(NamedTuple):
    """What an item says, as it is understood."""

    token: Token
    version: Version
    actual: int


class Labels:
    """Gives tokens to the answers of this process, and takes labels for those of any."""

    def __init__(self, key: Key, seen: Seen, metrics: FeedbackMetrics, capture: Capture | None) -> None:
        """`capture` keeps rows and labels, where they are kept."""
        self._key, self._seen, self._metrics, self._capture = key, seen, metrics, capture
        self._numbers = fresh_numbers()
        self._looked = 0.0
        self._last: dict[tuple[str, str], float] = {}

    def issuer(self, manifest: Manifest) -> Issuer:
        """Return what makes the tokens of a version that was loaded; its series begin."""
        positive = manifest.decision.positive
        self._metrics.begin(Version(manifest.name, str(manifest.version), manifest.classes, positive))
        return Issuer(self._key, manifest, self._numbers, self._keep(manifest))

    def _keep(self, manifest: Manifest) -> Keep | None:
        if self._capture is None:
            return None
        row, version = self._capture.row, str(manifest.version)
        return lambda token, cells: row(token, manifest.name, version, cells)

    def last(self, model: str, version: str) -> float:
        """Return when a label of a version last came, by the monotonic clock; 0 if none did."""
        now = time.monotonic()
        if now - self._looked > LOOK_S:
            self._looked, self._last = now, self._seen.labelled()
        return self._last.get((model, version), 0.0)

    def forget(self, is_over: Callable[[str, str], bool]) -> None:
        """Take note of versions whose series are over."""
        self._metrics.forget(is_over)

    async def take(self, items: Sequence[Item], classes: Classes) -> Counter[str]:
        """Count labels; return how many were `taken`, `repeated` and `late`.

        Raises InvalidError, and counts none, when one of them is wrong; InternalError when it cannot be
        known which came before.
        """
        try:
            good = await self._checked(items, classes)
        except InvalidError:
            self._metrics.came("refused", len(items))
            raise
        now = time.time()
        tokens = [(each.token.issued, each.token.number) for each in good]
        versions = {(each.version.model, each.version.version) for each in good}
        try:
            outcomes = await asyncio.to_thread(self._seen.take, tokens, versions, int(now))
        except sqlite3.Error as error:
            log.error("labels cannot be taken: %s", error)  # noqa: TRY400 - one line
            raise InternalError("the labels were not counted; send them again") from None
        taken: defaultdict[Version, list[Good]] = defaultdict(list)
        for each, outcome in zip(good, outcomes, strict=True):
            if outcome == "taken":
                taken[each.version].append(each)
                if self._capture is not None:
                    label = each.version.classes[each.actual]
                    self._capture.label(token_id(each.token.number), label)
        for version, found in taken.items():
            self._metrics.taken(version, _labelled(found, now))
        total = Counter[str](outcomes)
        for name, count in total.items():
            self._metrics.came(name, count)
        return total

    async def _checked(self, items: Sequence[Item], classes: Classes) -> list[Good]:
        check = _Check(self._key, classes)
        good, wrong, problems = [], list[dict[str, Any]](), 0
        for place, item in enumerate(items, 1):
            try:
                good.append(check(item))
            except ValueError as error:
                problems += 1
                if len(wrong) < MAX_DETAILS:
                    wrong.append({"row": place - 1, "reason": f"feedback.{place - 1}: {error}"})
            if place % AT_ONCE == 0:
                await asyncio.sleep(0)
        if wrong:
            raise InvalidError(wrong[0]["reason"], wrong, problems)
        return good


class _Check:
    """Understands items, one by one."""

    def __init__(self, key: Key, classes: Classes) -> None:
        self._key, self._classes = key, classes
        self._known: dict[tuple[str, bytes], dict[str, int] | None] = {}

    def __call__(self, item: Item) -> Good:
        """Return what an item says. Raises ValueError with what is wrong."""
        try:
            token = self._key.read(item.token)
        except ValueError:
            raise ValueError("the token is forged: nobody gave it who has this service's secret") from None
        of = token.model, token.classes
        if of not in self._known:
            classes = self._classes(*of)
            self._known[of] = None if classes is None else {name: place for place, name in enumerate(classes)}
        places = self._known[of]
        if places is None:
            raise ValueError(
                f"the token is foreign: no version of {quote(token.model)} with its classes answers here"
            )
        if item.label not in places:
            raise ValueError(f"unknown label {quote(item.label)}; wanted {_named(places)}")
        version = Version(token.model, token.version, tuple(places), token.positive)
        return Good(token, version, places[item.label])


def _named(labels: Iterable[str]) -> str:
    """Return the first few labels for a message."""
    found = [*labels]
    return ", ".join(map(quote, found[:MOST_NAMED])) + (", …" if len(found) > MOST_NAMED else "")


def _labelled(found: Sequence[Good], now: float) -> Labelled:
    return Labelled(
        np.array([each.token.probabilities for each in found], np.float32),
        np.array([each.token.label for each in found]),
        np.array([each.actual for each in found]),
        [max(0.0, now - each.token.issued) for each in found],
    )
