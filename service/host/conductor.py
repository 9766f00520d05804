"""Main's part in the life of models: hears everybody, has `step` say what follows, and does it.

Nothing here waits: not for the store, which the librarian reads, nor for a worker or an HTTP process.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from service.library import control, messages, table, target
from service.library.desk import Answer
from service.library.state import Limits, digests
from service.library.step import begin, is_settled, step
from service.library.table import Offer
from service.wire.frames import Command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service.deployment import Deployment
    from service.host.librarian_process import LibrarianProcess
    from service.host.peer import Peer
    from service.library.table import Refused, Table
    from service.metrics.declared import HostMetrics
    from service.worker.api import ModelAPI

TABLES_KEPT = 8
"""Files of the last tables; who finds none looks for the newer one."""

log = logging.getLogger("logitserve.models")


class Conductor:
    """Decides which versions answer, from the first table on."""

    def __init__(
        self,
        deployment: Deployment,
        librarian: LibrarianProcess,
        peers: Sequence[Peer],
        api: ModelAPI,
        metrics: HostMetrics,
        default: str,
        offer: Offer,
    ) -> None:
        """Commit the first table: what is forked or spawned from now on begins with it.

        It has the default model's current version alone, without which the service does not start. All
        else of the store's first `offer` is tried as what comes later is.
        """
        self._deployment = deployment
        self._librarian = librarian
        self._peers = peers
        self._up: set[int] = set()
        """The workers that are ready."""
        self._api = api
        self._metrics = metrics
        limits = Limits(deployment.settings.max_versions, deployment.settings.timeout_s)
        first = [served for served in offer.wanted if served.model == default][-1:]
        self._state = state = begin(default, Offer(tuple(first), offer.refused), (), (), limits)
        self._announced: dict[int, Table] = {state.number: state.committed}
        self._wishes: dict[int, tuple[int, dict[str, Any]]] = {}
        self._asked = 0
        self._granted: list[int] = []
        self._due = 0
        """The table that is to hold as soon as it can be written."""
        for refused in state.committed.refused:
            self._say(refused)
        table.write(deployment.run_dir, state.number, state.committed)
        self._commit(state.number)
        self._heed(messages.Offered(time.monotonic(), offer))

    def sources(self) -> list[Any]:
        """Return what becomes readable when there is something to hear."""
        ends = [end for end, _ in self._deployment.controls]
        return [*self._librarian.sources(), *ends, *(peer for peer in self._peers if peer.connected())]

    def look(self) -> None:
        """Hear everybody, and do what follows from it."""
        for message in self._librarian.messages():
            if isinstance(message, Answer):
                self._answered(message)
            else:
                self._heed(messages.Offered(time.monotonic(), message))
        for slot, (end, _) in enumerate(self._deployment.controls):
            for said in control.receive(end):
                if "known" in said:
                    self._heed(messages.Known(time.monotonic(), slot, said["known"]))
                else:
                    self._ask(slot, said)
        for worker, peer in enumerate(self._peers):
            self._hear_worker(worker, peer)
        now = time.monotonic()
        self._heed(messages.Tick(now))
        if not self._deployment.flags.settled() and is_settled(self._state, now):
            self._deployment.flags.settle()
        if self._due and self._written(self._due):
            self._commit(self._due)
        self._grant()

    def keep(self) -> None:
        """Have the committed table's file again, if a cleaner of old files removed it."""
        self._written(self._deployment.committed.number)
        for worker in self._up:
            if not self._peers[worker].connected():  # it took no command in time
                self._connect(worker)

    def end(self) -> None:
        """End the librarian."""
        self._librarian.end()

    def worker_up(self, worker: int) -> None:
        """Take note that a worker is ready; it has its first version and no other."""
        self._up.add(worker)
        self._connect(worker)

    def worker_down(self, worker: int) -> None:
        """Take note that a worker ended."""
        self._up.discard(worker)
        self._peers[worker].close()
        self._heed(messages.WorkerDown(time.monotonic(), worker))

    def process_down(self, slot: int) -> None:
        """Take note that an HTTP process ended."""
        self._heed(messages.ProcessDown(time.monotonic(), slot))

    def _connect(self, worker: int) -> None:
        if self._peers[worker].connect():
            self._heed(messages.WorkerUp(time.monotonic(), worker))

    def _hear_worker(self, worker: int, peer: Peer) -> None:
        if not peer.connected():
            return
        for done in peer.replies():
            now = time.monotonic()
            if done.command == Command.TRY:
                self._heed(messages.Tried(now, worker, done.digest, done.refusal))
            elif done.command == Command.LOAD:
                if done.refusal is None:
                    self._metrics.model_loads.labels("ok").inc()
                elif done.digest in digests(self._state.committed):  # what is new is counted as refused
                    self._metrics.model_loads.labels("failed").inc()
                self._heed(messages.Loaded(now, worker, done.digest, done.refusal))
        if not peer.connected():  # its end is seen before its process is buried
            self._heed(messages.WorkerDown(time.monotonic(), worker))

    def _heed(self, event: messages.Event) -> None:
        self._state, actions = step(self._state, event)
        for action in actions:
            self._do(action)

    def _do(self, action: messages.Action) -> None:
        match action:
            case messages.Try():
                self._peers[action.worker].send(Command.TRY, action.digest)
            case messages.Load():
                self._peers[action.worker].send(Command.LOAD, action.digest)
            case messages.Announce():
                self._announced[action.number] = action.table
                self._written(action.number)
                for end, _ in self._deployment.controls:
                    control.send(end, {"prepare": action.number})
            case messages.Commit():
                self._due = action.number
            case messages.Forget():
                for peer in self._peers:
                    peer.send(Command.FORGET, action.digest)
                self._librarian.ask({"discard": action.digest})
            case messages.Say():
                self._say(action.refused)

    def _written(self, number: int) -> bool:
        """Return whether a table's file is there, once it is written if it was not."""
        run_dir = self._deployment.run_dir
        if not table.exists(run_dir, number):
            try:
                table.write(run_dir, number, self._announced[number])
            except OSError as error:
                log.warning("table %d of the models cannot be written: %s", number, error)
                return False
        return True

    def _commit(self, number: int) -> None:
        """Have a table hold: the number is what every process looks at."""
        now, before = self._announced[number], self._announced.get(self._deployment.committed.number)
        self._deployment.committed.number = number
        self._api.first = now.current.get(now.default)
        for served in now.versions:
            if now.current.get(served.model) == served.digest and not (
                before and before.current.get(served.model) == served.digest
            ):
                log.info("model %s: version %d serves", served.model, served.version)
                self._metrics.model_load_timestamp.set_to_current_time()
        for model in (before.current if before else {}).keys() - now.current.keys():
            log.info("model %s: unloaded", model)
        self._announced = {later: kept for later, kept in self._announced.items() if later >= number}
        self._due = 0
        table.discard(self._deployment.run_dir, number - TABLES_KEPT)

    def _say(self, refused: Refused) -> None:
        named = refused.model if refused.version is None else f"{refused.model} {refused.version}"
        log.warning("model %s is refused (%s): %s", named, refused.reason, refused.message)
        self._metrics.model_loads.labels(refused.reason).inc()

    # What HTTP processes ask for.

    def _ask(self, slot: int, wish: dict[str, Any]) -> None:
        self._asked += 1
        self._wishes[self._asked] = slot, wish
        if "load" in wish:
            self._librarian.ask({"load": wish["load"], "versions": wish["versions"], "id": self._asked})
        else:
            self._librarian.ask({"unload": wish["unload"], "id": self._asked})

    def _answered(self, answer: Answer) -> None:
        """Pass on why a wish is not granted; one that is granted is answered when it has come true."""
        number = answer.request.get("id")
        if number is None:
            return
        if answer.error is None:
            self._granted.append(number)
        else:
            self._reply(number, answer.error)

    def _grant(self) -> None:
        for number in list(self._granted):
            done, error = self._outcome(self._wishes[number][1])
            if done:
                self._granted.remove(number)
                self._reply(number, error)

    def _outcome(self, wish: dict[str, Any]) -> tuple[bool, str | None]:
        """Return whether a wish has come true or can't, and why it can't."""
        state = self._state
        if "unload" in wish:
            return wish["unload"] not in state.committed.current, None
        model = wish["load"]
        refused = next((each for each in target.refused(state) if each.model == model), None)
        if refused is not None:
            return True, refused.message
        answering = {served.digest for served in state.committed.versions}
        wanted = [served.digest for served in state.offer.wanted if served.model == model]
        return bool(wanted) and answering.issuperset(wanted), None

    def _reply(self, number: int, error: str | None) -> None:
        slot, wish = self._wishes.pop(number)
        control.send(self._deployment.controls[slot][0], {"answer": wish["ask"], "error": error})
