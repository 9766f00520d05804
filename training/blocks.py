"""Many rows a block at a time, so that what is held meanwhile is little. Knows nothing of what they hold."""

from collections.abc import Iterator

BLOCK_ROWS = 1 << 16
"""As wide integers or numbers they are half a megabyte, which stays in a core's cache."""


def blocks(rows: int) -> Iterator[slice]:
    """Give the blocks of so many rows, in their order."""
    return (slice(start, start + BLOCK_ROWS) for start in range(0, rows, BLOCK_ROWS))
