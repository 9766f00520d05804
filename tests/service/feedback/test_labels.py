"""Labels are taken for the tokens of this service: all of a request or none, each once."""

import asyncio
import contextlib
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from models.artifact import Artifact
from models.manifest import Manifest
from service.errors import InternalError, InvalidError
from service.feedback import labels as module
from service.feedback import seen
from service.feedback.labels import Item
from service.feedback.seen import LATE_S
from service.feedback.token import Issuer, Key, classes_digest, fresh_numbers
from service.run_directory import seen_path
from tests.service.feedback.taking import SECRET, Taking, taking

HALF = (0.5, 0.5)


@dataclass
class Desk:
    """What takes labels, and the versions that answer."""

    found: Taking
    answering: dict[str, Sequence[str]]
    folder: Path

    def classes(self, model: str, digest: bytes) -> Sequence[str] | None:
        classes = self.answering.get(model)
        return classes if classes and classes_digest(classes) == digest else None

    def take(self, *items: tuple[str | bytes, str]) -> Counter[str]:
        """Send tokens and labels."""
        sent = [Item(token if isinstance(token, str) else token.decode(), label) for token, label in items]
        return asyncio.run(self.found.labels.take(sent, self.classes))


@pytest.fixture
def desk(tmp_path: Path, mixed: Artifact) -> Iterator[Desk]:
    """The model `tiny` answers, with the labels `no` and `yes`."""
    with taking(tmp_path) as found:
        yield Desk(found, {"tiny": mixed.manifest.classes}, tmp_path)


@pytest.fixture
def issuer(desk: Desk, mixed: Artifact) -> Issuer:
    """What makes the tokens of its version 3."""
    return desk.found.labels.issuer(mixed.manifest)


def now() -> int:
    """Return the time of an answer."""
    return int(time.time())


def other(manifest: Manifest, **fields: object) -> Issuer:
    """Return what makes tokens of another version, by the same secret."""
    return Issuer(Key(SECRET), manifest.model_copy(update=fields), fresh_numbers())


def test_labels_are_counted_by_what_was_said(desk: Desk, issuer: Issuer) -> None:
    """The label that was answered, the true one, and the delay between."""
    tokens = [issuer.issue((1 - p, p), int(p > 0.4), now() - 60) for p in (0.25, 0.5, 0.75)]
    assert desk.take(*zip(tokens, ("no", "no", "yes"), strict=True)) == {"taken": 3}
    of = {"model": "tiny", "version": "3"}
    for predicted, actual, count in (("no", "no", 1), ("yes", "no", 1), ("yes", "yes", 1), ("no", "yes", 0)):
        assert desk.found.count("total", **of, predicted=predicted, actual=actual) == count
    assert desk.found.count("brier_total", **of) == pytest.approx(0.25**2 + 0.5**2 + 0.25**2)
    assert desk.found.count("delay_seconds_count", model="tiny") == 3
    assert desk.found.count("delay_seconds_sum", model="tiny") == pytest.approx(180, abs=6)
    assert desk.found.tokens(taken=3)


def test_the_series_of_a_version_begin_with_it(desk: Desk, issuer: Issuer) -> None:
    """At 0, before any label."""
    del issuer
    assert desk.found.count("log_loss_total", model="tiny", version="3") == 0
    assert desk.found.count("total", model="tiny", version="3", predicted="no", actual="yes") == 0
    assert desk.found.tokens()


def test_a_token_brings_one_label(desk: Desk, issuer: Issuer) -> None:
    """The first; in the same request or a later one, whatever it says then."""
    first, second = (issuer.issue(HALF, 1, now()) for _ in range(2))
    assert desk.take((first, "no"), (second, "no"), (first, "yes")) == {"taken": 2, "repeated": 1}
    assert desk.take((second, "yes")) == {"repeated": 1}
    assert desk.found.count("total", model="tiny", version="3", predicted="yes", actual="no") == 2
    assert desk.found.count("total", model="tiny", version="3", predicted="yes", actual="yes") == 0
    assert desk.found.tokens(taken=2, repeated=2)


def test_a_late_label_is_said_and_not_counted(desk: Desk, issuer: Issuer) -> None:
    """By when the answer was given."""
    late, good = issuer.issue(HALF, 1, now() - LATE_S - 10), issuer.issue(HALF, 1, now() - LATE_S + 60)
    assert desk.take((late, "yes"), (good, "yes")) == {"taken": 1, "late": 1}
    assert desk.found.tokens(taken=1, late=1)
    assert desk.found.count("delay_seconds_count", model="tiny") == 1


def test_an_answer_of_the_future_has_no_delay(desk: Desk, issuer: Issuer) -> None:
    """Another instance's clock may be fast."""
    assert desk.take((issuer.issue(HALF, 1, now() + 90), "yes")) == {"taken": 1}
    assert desk.found.count("delay_seconds_sum", model="tiny") == 0


def test_a_version_that_left_gets_its_labels(desk: Desk, mixed: Artifact) -> None:
    """While one with the same labels answers; the series are its own, and its positive class."""
    gone = other(mixed.manifest, version=2, positive="no")
    assert desk.take((gone.issue((0.25, 0.75), 1, now()), "no")) == {"taken": 1}
    assert desk.found.count("total", model="tiny", version="2", predicted="yes", actual="no") == 1
    bins = {"class": "no", "actual": "true", "low": "0.25", "high": "0.3"}
    assert desk.found.count("scores_total", model="tiny", version="2", **bins) == 1
    assert desk.found.labels.last("tiny", "2") > 0
    assert desk.found.labels.last("tiny", "3") == 0


def test_what_is_wrong_is_named_and_nothing_is_counted(desk: Desk, issuer: Issuer, mixed: Artifact) -> None:
    """By its place among the others; five at most, and how many there are."""
    good = issuer.issue(HALF, 1, now())
    foreign = [
        other(mixed.manifest, name="elsewhere"),
        other(mixed.manifest, classes=("no", "yes", "perhaps")),
    ]
    unserved, trained_anew = (
        each.issue((0.5,) * k, 1, now()) for each, k in zip(foreign, (2, 3), strict=True)
    )
    forged = Issuer(Key(b"of somebody else"), mixed.manifest, fresh_numbers()).issue(HALF, 1, now())
    with pytest.raises(InvalidError) as raised:
        desk.take(
            (good, "yes"), (forged, "yes"), (unserved, "yes"), (trained_anew, "yes"), (good, "Yes"), ("", "")
        )
    reasons = [each["reason"] for each in raised.value.details]
    assert reasons == [
        "feedback.1: the token is forged: nobody gave it who has this service's secret",
        'feedback.2: the token is foreign: no version of "elsewhere" with its classes answers here',
        'feedback.3: the token is foreign: no version of "tiny" with its classes answers here',
        'feedback.4: unknown label "Yes"; wanted "no", "yes"',
        "feedback.5: the token is forged: nobody gave it who has this service's secret",
    ]
    assert [each["row"] for each in raised.value.details] == [1, 2, 3, 4, 5]
    assert (str(raised.value), raised.value.problems) == (reasons[0], 5)
    assert desk.found.tokens(refused=6)
    assert desk.take((good, "yes")) == {"taken": 1}
    with pytest.raises(InvalidError) as raised:
        desk.take(*[("", "")] * 4000)
    assert (len(raised.value.details), raised.value.problems) == (5, 4000)


def test_of_many_labels_a_few_are_named(desk: Desk, mixed: Artifact) -> None:
    """A message stays short."""
    classes = tuple(f"{place} {'x' * 100}" for place in range(30))
    desk.answering["tiny"] = classes
    token = other(mixed.manifest, classes=classes, positive=None).issue([0.1] * 30, 0, now())
    with pytest.raises(InvalidError) as raised:
        desk.take((token, "y" * 100))
    assert str(raised.value).endswith(", …")
    assert len(str(raised.value)) < 700


def test_others_have_their_turn_while_many_are_checked(
    desk: Desk, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loop is not held for thousands of them."""
    monkeypatch.setattr(module, "AT_ONCE", 8)
    items = [Item(issuer.issue(HALF, 1, now()).decode(), "yes") for _ in range(80)]
    turns = 0

    async def main() -> None:
        nonlocal turns
        task = asyncio.create_task(desk.found.labels._checked(items, desk.classes))
        while not task.done():
            turns += 1
            await asyncio.sleep(0)

    asyncio.run(main())
    assert turns >= 10


def test_a_file_that_cannot_be_written_counts_nothing(
    desk: Desk, issuer: Issuer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Who sent the labels is told to send them again, and then they are taken."""
    monkeypatch.setattr(seen, "WAIT_S", 0.05)
    first, second = (issuer.issue(HALF, 1, now()) for _ in range(2))
    desk.take((first, "yes"))
    with contextlib.closing(sqlite3.connect(seen_path(desk.folder), isolation_level=None)) as file:
        file.execute("BEGIN IMMEDIATE")
        with pytest.raises(InternalError, match="send them again"):
            desk.take((second, "yes"))
    assert "labels cannot be taken: database is locked" in caplog.text
    assert desk.take((second, "yes")) == {"taken": 1}


def test_nothing_is_taken_as_nothing(desk: Desk) -> None:
    """A job that found no label may say so."""
    assert desk.take() == {}
    assert desk.found.tokens()
