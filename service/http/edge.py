"""What all connections of one HTTP process share. Knows nothing of any one of them."""

from __future__ import annotations

import resource
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.gate.accounting import Accounting
    from service.gate.admission import Admission
    from service.gate.keys import Keys
    from service.gate.origins import Cors, Hosts
    from service.http.direct import Routes
    from service.http.sweep import Sweep
    from service.plane.batcher import Batcher

RESERVED_DESCRIPTORS = 64
"""What a process needs besides its clients: listeners, links, metric files, log."""


@dataclass(slots=True, frozen=True)
class Edge:
    """The HTTP process as its connections see it; limits are those of the settings of the same names."""

    hosts: Hosts
    cors: Cors
    keys: Keys
    admission: Admission
    accounting: Accounting
    routes: Routes
    batcher: Batcher
    sweep: Sweep
    draining: Callable[[], bool]
    timeout_s: float
    receive_timeout_s: float
    keep_alive_s: float
    max_body_bytes: int
    max_connections: int


def most_connections(wanted: int) -> int:
    """Return how many connections may be open: as many as wanted, and as there are descriptors for."""
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return min(wanted, max(1, descriptors - RESERVED_DESCRIPTORS))
