"""Turn the errors of Arrow and of the system into ours. Knows nothing of what was read."""

from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa

from training.errors import DataError, reason


@contextmanager
def naming(place: str) -> Iterator[None]:
    """Turn Arrow's errors, the system's and ValueError into a DataError that begins with the place."""
    try:
        yield
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(f"{place}: {reason(error)}") from error
