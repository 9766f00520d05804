"""What main does next about versions: a function of what it knows and of what happened.

Knows no clock, no process and no file. A version is tried by one worker, loaded by all, announced to the
HTTP processes in a table, and committed. Only the try is needed for an answer to be right: whoever meets
a digest that it does not have loads it. So nobody who is slow or dead holds up the others for long.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import replace

from service.library.heed import heed
from service.library.messages import Action, Announce, Commit, Event, Forget, Load, Say, Try
from service.library.state import (
    Announced,
    Limits,
    Role,
    State,
    Trying,
    Version,
    digests,
    in_tables,
    unloaded,
    usable,
    wanted,
    without,
)
from service.library.table import Digest, Offer, Table
from service.library.target import fitting, refused, target

LOAD_S = 5.0
"""How long a worker's answer to a Load is waited for: a thousand times what it takes."""
KNOWN_S = 1.0
"""How long an announced table is not committed, while there is somebody to wait for."""
FORGET_S = 5.0
"""How much longer than any request a version that answers no more can still be loaded."""


def begin(default: str, offer: Offer, workers: Iterable[int], slots: Iterable[int], limits: Limits) -> State:
    """Return the state in which table 1, of the first offer, is committed: its versions are not tried.

    `workers` are those that are up already; `slots` the HTTP processes that begin with table 1.
    """
    state = State(
        limits=limits,
        offer=offer,
        versions={served.digest: Version() for served in offer.wanted},
        committed=Table(default, {}, offer.wanted, ()),
        announced=None,
        number=1,
        previous={},
        workers={worker: {} for worker in workers},
        processes=dict.fromkeys(slots, 1),
        trying=None,
    )
    return replace(state, committed=target(state, now=0))


def is_settled(state: State, now: float) -> bool:
    """Return whether all that is wanted answers, or was refused."""
    return not state.announced and _untried(state) is None and target(state, now) == state.committed


def step(state: State, event: Event) -> tuple[State, list[Action]]:
    """Return what is known after `event`, and what to do about it, in this order."""
    said = refused(state)
    state = heed(state, event)
    actions: list[Action] = [Say(version) for version in refused(state) if version not in said]
    for stage in STAGES:
        state, more = stage(state, event.now)
        actions += more
    return state, actions


def _commit(state: State, now: float) -> tuple[State, list[Action]]:
    """Commit what is announced, when everybody has it or had the time."""
    announced = state.announced
    if announced is None:
        return state, []
    number, table, since = announced
    known = all(newest >= number for newest in state.processes.values())
    if not (known and _is_loaded(state, table, now)) and now < since + KNOWN_S:
        return state, []
    replaced = {m: digest for m, digest in state.committed.current.items() if table.current.get(m) != digest}
    previous = {m: digest for m, digest in {**state.previous, **replaced}.items() if m in table.current}
    state = replace(state, committed=table, announced=None, previous=previous)
    return state, [Commit(number)]


def _roles(state: State, now: float) -> tuple[State, list[Action]]:
    """Write down of each version since when it is wanted, only answers, or does not even that."""
    serving = wanted(state) | set(state.committed.current.values())
    if state.announced:
        serving |= set(state.announced.table.current.values())
    answering = in_tables(state)
    versions = {}
    for digest, version in state.versions.items():
        role: Role = "serving" if digest in serving else "retiring" if digest in answering else "idle"
        versions[digest] = version if version.role == role else version._replace(role=role, since=now)
    return replace(state, versions=versions), []


def _try(state: State, _: float) -> tuple[State, list[Action]]:
    """Try what is wanted and new, one at a time; not where a worker died of it, if there is another."""
    digest = _untried(state)
    if digest is None or state.trying or not state.workers:
        return state, []
    lost = state.versions[digest].lost
    worker = min(state.workers, key=lambda worker: (worker == lost, worker))
    return replace(state, trying=Trying(worker, digest)), [Try(worker, digest)]


def _load(state: State, now: float) -> tuple[State, list[Action]]:
    """Have each worker load what answers and what will."""
    needed = in_tables(state) | digests(target(state, now))
    missing = {worker: sorted(needed - loads.keys()) for worker, loads in state.workers.items()}
    workers = {
        worker: {**loads, **dict.fromkeys(missing[worker], now + LOAD_S)}
        for worker, loads in state.workers.items()
    }
    loads = [Load(worker, digest) for worker, needs in missing.items() for digest in needs]
    return replace(state, workers=workers), [*loads]


def _announce(state: State, now: float) -> tuple[State, list[Action]]:
    """Announce what the offer asks for, once all of it is tried and loaded, and nothing else announced."""
    table = target(state, now)
    if state.announced or table == state.committed or _untried(state) or not _is_loaded(state, table, now):
        return state, []
    number = state.number + 1
    return replace(state, number=number, announced=Announced(number, table, now)), [Announce(number, table)]


def _forget(state: State, now: float) -> tuple[State, list[Action]]:
    """Forget what no request can ask for any more, nor a try."""
    latest = now - state.limits.longest_deadline_s - FORGET_S
    idle = {digest for digest, version in state.versions.items() if version.role == "idle"}
    over = {digest for digest in idle if state.versions[digest].since <= latest}
    if state.trying:
        over.discard(state.trying.digest)
    state = replace(state, versions=without(state.versions, over), workers=unloaded(state, over))
    return state, [Forget(digest) for digest in sorted(over)]


STAGES: tuple[Callable[[State, float], tuple[State, list[Action]]], ...] = (
    _commit,
    _roles,
    _try,
    _load,
    _announce,
    _forget,
)


def _untried(state: State) -> Digest | None:
    """Return the first version that must be tried, if there is one."""
    return next((served.digest for served in fitting(state) if not usable(state, served.digest)), None)


def _is_loaded(state: State, table: Table, now: float) -> bool:
    """Return whether no worker is to be waited for."""
    return all(
        loads.get(digest, math.inf) <= now for loads in state.workers.values() for digest in digests(table)
    )
