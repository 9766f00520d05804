"""Whether this process should get requests, and what it knows of its workers. Knows nothing of who asks."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from service.plane.link import Link

PROBE_S = 1.0
"""How long readiness waits for a worker's sign of life."""


class Readiness:
    """What balancers and people are told."""

    def __init__(
        self, links: Sequence[Link], draining: Callable[[], bool], lacking: Callable[[], str | None]
    ) -> None:
        """`lacking` says which models are missed, if any are."""
        self._lacking = lacking
        self._links = links
        self._draining = draining

    @property
    def greeting(self) -> dict[str, Any]:
        """What a worker last said of itself, as `wire/frames.py` packs it; nothing before the first."""
        return next((link.greeting for link in self._links if link.greeting), {})

    async def unready(self) -> str | None:
        """Return why this process should get no new requests, or None when it should."""
        if self._draining():
            return "draining"
        return self._lacking() or await self.no_worker()

    async def no_worker(self) -> str | None:
        """Return why no model answers, or None when one does."""
        if not any(await asyncio.gather(*[link.answers(PROBE_S) for link in self._links])):
            return "no worker answers"
        return None

    async def counted(self, within_s: float) -> None:
        """Have the workers count what they answered so far; who does not in time is not waited for."""
        await asyncio.gather(*[link.counts(within_s) for link in self._links])
