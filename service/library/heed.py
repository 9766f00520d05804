"""What an event says. Knows nothing of what to do about it."""

import math
from dataclasses import replace

from service.library.messages import (
    Event,
    Known,
    Loaded,
    Offered,
    ProcessDown,
    Tick,
    Tried,
    WorkerDown,
    WorkerUp,
)
from service.library.state import State, Version, in_tables, unloaded, wanted, without
from service.library.table import Digest, Offer, Refusal

ANSWERED = -math.inf


def heed(state: State, event: Event) -> State:
    """Return the state with what the event says, and with nothing that follows from it."""
    match event:
        case Offered():
            state = _offered(state, event.offer)
        case Tried():
            state = _tried(state, event)
        case Loaded():
            state = _loaded(state, event)
        case WorkerUp():
            state = _worker_down(state, event.worker)
            state = replace(state, workers={**state.workers, event.worker: {}})
        case WorkerDown():
            state = _worker_down(state, event.worker)
        case Known():
            state = replace(state, processes={**state.processes, event.slot: event.number})
        case ProcessDown():
            state = replace(state, processes=without(state.processes, {event.slot}))
        case Tick():
            pass
    return state


def _offered(state: State, offer: Offer) -> State:
    """Take the offer; what was refused is new again, unless this offer wants it and so did the last one."""
    before = wanted(state)
    state = replace(state, offer=offer)
    new = {digest: Version() for digest in wanted(state) - state.versions.keys()}
    anew = {
        digest: version._replace(proved=False, lost=None, refusal=None)
        for digest, version in state.versions.items()
        if (version.refusal or version.lost is not None) and digest not in before & wanted(state)
    }
    return replace(state, versions={**state.versions, **new, **anew}, workers=unloaded(state, anew.keys()))


def _tried(state: State, event: Tried) -> State:
    if state.trying != (event.worker, event.digest):
        return state
    state = replace(state, trying=None)
    if event.refusal is None:
        return _noted(state, event.digest, state.versions[event.digest]._replace(proved=True, lost=None))
    return _refuse(state, event.digest, event.refusal)


def _loaded(state: State, event: Loaded) -> State:
    """Take the answer; that one worker cannot load what serves well elsewhere takes it from nobody."""
    loads = state.workers.get(event.worker, {})
    if event.digest not in loads:
        return state
    loads = {**loads, event.digest: ANSWERED}
    state = replace(state, workers={**state.workers, event.worker: loads})
    version = state.versions[event.digest]
    if event.refusal is None:
        return _noted(state, event.digest, version._replace(proved=True))
    if version.proved and event.digest in in_tables(state):
        return state
    return _refuse(state, event.digest, event.refusal)


def _worker_down(state: State, worker: int) -> State:
    """Wait no more for the worker; a version that two of them died with is refused."""
    state = replace(state, workers=without(state.workers, {worker}))
    if state.trying is None or state.trying.worker != worker:
        return state
    digest = state.trying.digest
    state = replace(state, trying=None)
    if state.versions[digest].lost is not None:
        return _refuse(state, digest, Refusal("crashed", "two workers ended while they tried it"))
    return _noted(state, digest, state.versions[digest]._replace(lost=worker))


def _refuse(state: State, digest: Digest, refusal: Refusal) -> State:
    return _noted(state, digest, state.versions[digest]._replace(refusal=refusal))


def _noted(state: State, digest: Digest, version: Version) -> State:
    return replace(state, versions={**state.versions, digest: version})
