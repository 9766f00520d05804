"""What the tests of batches share."""

from collections.abc import Callable

import pytest

from tests.service.plane.bench import Bench
from tests.service.virtual_time import VirtualLoop


@pytest.fixture
def bench(loop: VirtualLoop) -> Callable[..., Bench]:
    """Make a batcher."""
    return lambda lanes=1, **settings: Bench(loop, lanes, **settings)
