"""The table that the newest offer asks for. Knows nothing of how processes come to it."""

from service.library.state import State, usable, wanted
from service.library.table import Refusal, Refused, Served, Table

RETIRE_S = 60.0
"""How much longer than any request a version answers by its number, once it is not wanted: a client that
was told the number asks for it again."""


def target(state: State, now: float) -> Table:
    """Return the table that should hold at `now`, as far as versions were tried."""
    answering = _answering(state)
    current = {served.model: served.digest for served in answering}  # a model's last one
    versions = [*answering, *_retiring(state, answering, now)]
    return Table(state.committed.default, current, tuple(sorted(versions)), refused(state))


def refused(state: State) -> tuple[Refused, ...]:
    """Return what the offer has and does not serve: by the store, a worker, or for want of room."""
    room = Refusal("limit", f"no room: SERVICE_MAX_VERSIONS={state.limits.max_versions}")
    fit = fitting(state)
    ours = [(served, state.versions[served.digest].refusal or room) for served in state.offer.wanted]
    return (
        *state.offer.refused,
        *(Refused(*served, *refusal) for served, refusal in ours if served not in fit),
    )


def fitting(state: State) -> list[Served]:
    """Return what is wanted and not refused, as much of it as fits; the default model always does."""
    candidates = [served for served in state.offer.wanted if state.versions[served.digest].refusal is None]
    others = [served for served in candidates if served.model != state.committed.default]
    room = max(0, state.limits.max_versions - (len(candidates) - len(others)))
    too_many = others[room:]
    return [served for served in candidates if served not in too_many]


def _answering(state: State) -> list[Served]:
    """Return what is wanted and can be had; of a model that has nothing of it, its former version."""
    found = [served for served in fitting(state) if usable(state, served.digest)]
    without = _models(state) - {served.model for served in found}
    former = [
        served
        for served in state.committed.versions
        if served.model in without
        and served.digest == state.committed.current.get(served.model)
        and state.versions[served.digest].refusal is None
    ]
    return found + former


def _retiring(state: State, answering: list[Served], now: float) -> list[Served]:
    """Return what still answers by its number: not of an unloaded model, nor where the number was reused.

    Where there are too many the oldest leave, but not what was current before.
    """
    models, numbers = _models(state), {served[:2] for served in answering}
    asked = wanted(state)
    retiring = [
        served
        for served in state.committed.versions
        if served.model in models
        and served.digest not in asked
        and served[:2] not in numbers
        and state.versions[served.digest].refusal is None
        and not _is_over(state, served, now)
    ]
    stay = {*state.previous.values(), *state.committed.current.values()}
    may_leave = [served for served in retiring if served.digest not in stay]
    may_leave.sort(key=lambda served: state.versions[served.digest].since)
    excess = max(0, len(answering) + len(retiring) - state.limits.max_versions)
    return [served for served in retiring if served not in may_leave[:excess]]


def _models(state: State) -> set[str]:
    """Return the models that are loaded: wanted, and not left out for want of room."""
    fit = fitting(state)
    return {
        served.model
        for served in state.offer.wanted
        if served in fit or state.versions[served.digest].refusal is not None
    }


def _is_over(state: State, served: Served, now: float) -> bool:
    version = state.versions[served.digest]
    time_s = state.limits.longest_deadline_s + RETIRE_S
    return version.role == "retiring" and now >= version.since + time_s
