"""A step by step account of what was done, which complains of what never may be. It decides nothing."""

from service.library.messages import (
    Action,
    Announce,
    Commit,
    Event,
    Forget,
    Load,
    Loaded,
    Offered,
    Tried,
    Try,
    WorkerDown,
    WorkerUp,
)
from service.library.state import Limits
from service.library.step import begin, step
from service.library.table import Offer, Served, Table
from service.library.target import RETIRE_S


class Ledger:
    """Main, and an account of it."""

    def __init__(self, offer: Offer, limits: Limits, workers: list[int], slots: list[int]) -> None:
        self.state = begin("a", offer, workers, slots, limits)
        self.limits, self.offer, self.now = limits, offer, 0.0
        self.first = {served.digest for served in offer.wanted}
        self.good = set(self.first)
        self.doubtful: set[str] = set()
        self.offered = {(served.model, served.digest) for served in offer.wanted}
        self.open: Try | None = None
        self.number = 1
        self.announced: Announce | None = None
        self.committed = self.state.committed
        self.left: dict[str, float] = {}
        self.previous: dict[str, tuple[Served, float]] = {}

    def tell(self, event: Event) -> list[Action]:
        """Have an event happen, check what follows, and return it."""
        self.now = event.now
        if isinstance(event, Offered):
            self.offer = event.offer
            self.offered |= {(served.model, served.digest) for served in event.offer.wanted}
        if isinstance(event, Tried) and self.open == Try(event.worker, event.digest):
            self.open = None
            if event.refusal is None:
                self.good.add(event.digest)
        if isinstance(event, WorkerUp | WorkerDown) and self.open and self.open.worker == event.worker:
            self.open = None
        if isinstance(event, Loaded) and event.refusal:
            self.doubtful.add(event.digest)
        self.state, actions = step(self.state, event)
        for action in actions:
            self._check(action)
        assert self.state.committed == self.committed
        return actions

    def _check(self, action: Action) -> None:
        match action:
            case Try():
                assert self.open is None
                assert action.worker in self.state.workers
                assert action.digest in self._wanted() - (self.good - self.first - self.doubtful)
                self.open = action
            case Load():
                assert action.worker in self.state.workers
                assert action.digest in self.good
            case Announce():
                assert self.announced is None
                assert action.number > self.number
                self.number, self.announced = action.number, action
                self._check_table(action.table)
            case Commit():
                assert self.announced is not None
                assert action.number == self.announced.number
                self._commit(self.announced.table)
            case Forget():
                assert action.digest not in _digests(self.committed) | self._wanted()
                assert self.announced is None or action.digest not in _digests(self.announced.table)
                assert self.open is None or action.digest != self.open.digest
                assert self.now - self.left.get(action.digest, -1e9) >= self.limits.longest_deadline_s
                self.good.discard(action.digest)
                self.first.discard(action.digest)

    def _check_table(self, table: Table) -> None:
        assert table != self.committed
        assert _digests(table) <= self.good
        assert not _digests(table) & {refused.digest for refused in table.refused}
        assert set(table.current.items()) <= self.offered
        assert set(table.current.items()) <= {(served.model, served.digest) for served in table.versions}
        assert set(table.current) <= {served.model for served in self.offer.wanted}
        numbers = {served[:2] for served in table.versions if served.digest not in self._wanted()}
        assert not numbers & {served[:2] for served in table.versions if served.digest in self._wanted()}
        for model, (served, replaced) in self.previous.items():
            if model in table.current and self.now < replaced + self.limits.longest_deadline_s + RETIRE_S:
                assert served in table.versions or self._may_leave(served, table)

    def _may_leave(self, served: Served, table: Table) -> bool:
        """Return whether another has its number, or it was refused."""
        reused = any(
            served[:2] == other[:2] and served.digest != other.digest
            for other in (*table.versions, *self.offer.wanted)
        )
        refused = any(served.digest == refused.digest for refused in table.refused)
        return reused or refused or served.digest in self.first & self.doubtful

    def _commit(self, table: Table) -> None:
        before, self.committed, self.announced = self.committed, table, None
        self.left |= dict.fromkeys(_digests(before) - _digests(table), self.now)
        for served in before.versions:
            model = served.model
            if before.current.get(model) == served.digest != table.current.get(model, served.digest):
                self.previous[model] = (served, self.now)
        self.previous = {m: entry for m, entry in self.previous.items() if m in table.current}

    def _wanted(self) -> set[str]:
        return {served.digest for served in self.offer.wanted}


def _digests(table: Table) -> set[str]:
    return {served.digest for served in table.versions}
