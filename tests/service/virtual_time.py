"""A loop in which waiting takes no time, for what is about deadlines."""

import asyncio
from typing import Any


class VirtualLoop(asyncio.SelectorEventLoop):
    """Its clock stands still while anything is to be done, and then jumps to the next timer."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        select: Any = self._selector.select  # type: ignore[attr-defined]

        def jump(timeout: float | None = None) -> Any:
            events = select(0)
            if not events and timeout is None:
                raise AssertionError("waits for what will never come")
            if not events:
                self.now += timeout or 0
            return events

        self._selector.select = jump  # type: ignore[attr-defined]

    def time(self) -> float:
        """Return the virtual time, in seconds."""
        return self.now

    def go_on(self, seconds: float = 0) -> None:
        """Let everything happen that is due within so many seconds."""

        async def until() -> None:
            await asyncio.sleep(0)  # what was to be done at once
            await asyncio.sleep(0)
            if seconds:
                await asyncio.sleep(seconds)

        self.run_until_complete(until())
