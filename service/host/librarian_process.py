"""The librarian's process as main has it: started, heard, and started anew when it ends."""

from __future__ import annotations

import contextlib
import logging
import time
from typing import TYPE_CHECKING, Any

from service.library.librarian import start
from service.library.table import Offer

if TYPE_CHECKING:
    from collections.abc import Iterable
    from multiprocessing.process import BaseProcess

    from service.library.desk import Answer, Desk, Request
    from service.library.librarian import Librarian

AGAIN_S = 1.0
"""How long after its end the next one starts."""

log = logging.getLogger("logitserve.models")


class LibrarianProcess:
    """One at a time. Nothing here waits for it: it may hang with the store."""

    def __init__(self, librarian: Librarian, offer: Offer, inherited: Iterable[int]) -> None:
        """`offer` is what was found already; `inherited` are descriptors that it is not to hold."""
        self._librarian = librarian
        self._offer = offer
        self._inherited = inherited
        self._start_at = 0.0
        self._unsent: list[Request] = []
        self._process: BaseProcess | None = None
        self._start()

    def sources(self) -> list[Any]:
        """Return what becomes readable when there is something to hear."""
        return [self._desk] if self._process is not None else []

    def messages(self) -> list[Offer | Answer]:
        """Return what it said; start the next one when it has ended."""
        if self._process is None:
            if time.monotonic() >= self._start_at:
                self._librarian.resume(self._offer)
                self._start()
            return []
        for request in self._unsent:
            self.ask(request)
        try:
            said = self._desk.take()
        except (EOFError, OSError):
            self._process.join()
            log.warning("the librarian ended with status %s; starting the next", self._process.exitcode)
            self._desk.close()
            self._process, self._start_at = None, time.monotonic() + AGAIN_S
            return []
        self._offer = next((each for each in reversed(said) if isinstance(each, Offer)), self._offer)
        return said

    def ask(self, request: Request) -> None:
        """Send a request, later if it cannot take it now."""
        self._unsent = [each for each in self._unsent if each is not request]
        try:
            if self._process is not None:
                self._desk.ask(request)
                return
        except OSError:  # it hangs, or has ended
            pass
        self._unsent.append(request)

    def end(self) -> None:
        """Kill it: it holds nothing that anybody needs."""
        if self._process is not None:
            self._process.kill()
            with contextlib.suppress(OSError):
                self._desk.close()

    def _start(self) -> None:
        self._desk: Desk
        self._process, self._desk = start(self._librarian, self._inherited)
