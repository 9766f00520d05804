"""What main is told about versions, and what it then does. Knows nothing of when.

Each event has the time at which it came, of one clock that never goes back.
"""

from typing import NamedTuple

from service.library.table import Digest, Offer, Refusal, Refused, Table


class Offered(NamedTuple):
    """The librarian says what the store has."""

    now: float
    offer: Offer


class Tried(NamedTuple):
    """A worker answers a Try."""

    now: float
    worker: int
    digest: Digest
    refusal: Refusal | None


class Loaded(NamedTuple):
    """A worker answers a Load."""

    now: float
    worker: int
    digest: Digest
    refusal: Refusal | None


class WorkerUp(NamedTuple):
    """A worker is there, with no version yet."""

    now: float
    worker: int


class WorkerDown(NamedTuple):
    """A worker ended."""

    now: float
    worker: int


class Known(NamedTuple):
    """An HTTP process has read a table; a new one says so of the table that it begins with."""

    now: float
    slot: int
    number: int


class ProcessDown(NamedTuple):
    """An HTTP process ended."""

    now: float
    slot: int


class Tick(NamedTuple):
    """Time went by."""

    now: float


class Try(NamedTuple):
    """Have a child of the worker load the version and run its golden examples."""

    worker: int
    digest: Digest


class Load(NamedTuple):
    """Have the worker load the version."""

    worker: int
    digest: Digest


class Announce(NamedTuple):
    """Write the table, and tell every HTTP process."""

    number: int
    table: Table


class Commit(NamedTuple):
    """Have this table hold from now on, everywhere."""

    number: int


class Forget(NamedTuple):
    """Have every worker drop the version, and remove its copy."""

    digest: Digest


class Say(NamedTuple):
    """Log and count that a version was refused."""

    refused: Refused


Event = Offered | Tried | Loaded | WorkerUp | WorkerDown | Known | ProcessDown | Tick
Action = Try | Load | Announce | Commit | Forget | Say
