"""What the tests of batches share."""

from collections.abc import Callable

import pytest

from tests.service.plane.workbench import Workbench
from tests.service.virtual_time import VirtualLoop


@pytest.fixture
def workbench(loop: VirtualLoop) -> Callable[..., Workbench]:
    """Make a batcher."""
    return lambda lanes=1, **settings: Workbench(loop, lanes, **settings)
