"""Readiness: what takes a process out of the balancer, and what it tells of its workers."""

import asyncio
from typing import Any

import pytest

from service.gate.readiness import PROBE_S, Readiness


class Link:
    """A worker's link that answers or does not."""

    def __init__(self, *, answers: bool, greeting: dict[str, Any] | None = None) -> None:
        self._answers = answers
        self.greeting = greeting or {}
        self.asked: list[float] = []

    async def answers(self, within_s: float) -> bool:
        self.asked.append(within_s)
        return self._answers


@pytest.mark.parametrize(
    ("answers", "draining", "reason"),
    [
        ([True, True], False, None),
        ([False, True], False, None),
        ([False, False], False, "no worker answers"),
        ([], False, "no worker answers"),
        ([True, True], True, "draining"),
    ],
)
def test_one_worker_that_answers_is_enough_unless_it_drains(
    answers: list[bool], draining: bool, reason: str | None
) -> None:
    """The reason is what a probe is told."""
    links = [Link(answers=each) for each in answers]
    readiness = Readiness(links, lambda: draining, lambda: None)  # type: ignore[arg-type]
    assert asyncio.run(readiness.unready()) == reason
    asked = [] if draining else [PROBE_S]
    assert all(link.asked == asked for link in links)  # all at once, or a few stuck ones would take too long


def test_a_process_without_the_default_model_gets_no_new_requests() -> None:
    """It is asked for each time; of its workers one may still want to know, for the other models."""
    lacking: list[str | None] = ["the default model is not loaded"]
    readiness = Readiness([Link(answers=True)], lambda: False, lambda: lacking[0])  # type: ignore[list-item]
    assert asyncio.run(readiness.unready()) == "the default model is not loaded"
    assert asyncio.run(readiness.no_worker()) is None
    lacking[0] = None
    assert asyncio.run(readiness.unready()) is None


def test_what_any_worker_said_of_itself_is_known() -> None:
    """Before the first has said anything there is nothing."""
    links = [Link(answers=True), Link(answers=False, greeting={"device": "cuda:0"})]
    readiness = Readiness(links, lambda: False, lambda: None)  # type: ignore[arg-type]
    assert readiness.greeting == {"device": "cuda:0"}
    links[1].greeting = {}
    assert readiness.greeting == {}
