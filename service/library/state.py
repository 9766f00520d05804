"""What main knows of versions, workers and HTTP processes. Knows nothing of what follows from it."""

from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeVar

from service.library.table import Digest, Offer, Refusal, Table

K = TypeVar("K")
V = TypeVar("V")
Role = Literal["serving", "retiring", "idle"]
"""Serving if it is wanted or current, retiring while it is only in a table, idle in none."""


class Limits(NamedTuple):
    """How many versions may answer, retiring ones included, and how long a request may take."""

    max_versions: int
    longest_deadline_s: float


class Version(NamedTuple):
    """What is known of a digest."""

    proved: bool = False
    """Whether it was tried well, or a worker loaded it."""
    lost: int | None = None
    """The worker that died while it tried it."""
    refusal: Refusal | None = None
    role: Role = "serving"
    since: float = 0.0
    """When it took this role."""


class Trying(NamedTuple):
    """The try that has no answer yet."""

    worker: int
    digest: Digest


class Announced(NamedTuple):
    """A table that was told to the HTTP processes, and is not committed yet."""

    number: int
    table: Table
    since: float


@dataclass(frozen=True)
class State:
    """All of it."""

    limits: Limits
    offer: Offer
    """The newest one."""
    versions: Mapping[Digest, Version]
    """Those of the offer, of the tables, and what no worker was told to forget yet."""
    committed: Table
    announced: Announced | None
    number: int
    """The highest that a table had."""
    previous: Mapping[str, Digest]
    """Of each model the version that was current before."""
    workers: Mapping[int, Mapping[Digest, float]]
    """Of each live worker until when its answer to a Load is waited for; an answered one, for no time."""
    processes: Mapping[int, int]
    """Of each live HTTP process the newest table that it knows."""
    trying: Trying | None


def digests(table: Table) -> set[Digest]:
    """Return what answers in a table."""
    return {served.digest for served in table.versions}


def wanted(state: State) -> set[Digest]:
    """Return what the newest offer wants, whether it can be had or not."""
    return {served.digest for served in state.offer.wanted}


def in_tables(state: State) -> set[Digest]:
    """Return what answers in the committed table, or will in the announced one."""
    announced = digests(state.announced.table) if state.announced else set()
    return digests(state.committed) | announced


def usable(state: State, digest: Digest) -> bool:
    """Return whether a version needs no try: one of the first offer is in the table without."""
    return state.versions[digest].proved or digest in digests(state.committed)


def unloaded(state: State, gone: Container[Digest]) -> dict[int, dict[Digest, float]]:
    """Return the workers as they are, once they have nothing of `gone`."""
    return {worker: without(loads, gone) for worker, loads in state.workers.items()}


def without(mapping: Mapping[K, V], gone: Container[K]) -> dict[K, V]:
    """Return a mapping without some keys."""
    return {key: value for key, value in mapping.items() if key not in gone}
