"""What the tests of connections share."""

from collections.abc import Callable

import pytest

from tests.service.http.peer import Peer
from tests.service.virtual_time import VirtualLoop


@pytest.fixture
def connect(loop: VirtualLoop) -> Callable[..., Peer]:
    """Open a connection of a service with some settings."""
    return lambda **settings: Peer(loop, **settings)
