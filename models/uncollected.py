"""Imports that the garbage collector does not look through. Knows nothing of what is imported.

It stands here because training and service both import much, and never import each other.
"""

import contextlib
import gc
from collections.abc import Iterator

NEVER = 2**31 - 1
"""Collections of the middle generation before a full one: as many as the collector can count."""


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Make no full collection while something is imported, and leave what is there then out of later ones.

    What is imported stays; to look for garbage in it, over and over and when the process ends, takes a third
    of a second for torch. What is young is collected as ever, or more memory would be taken.
    """
    before = gc.get_threshold()
    gc.set_threshold(*before[:2], NEVER)
    try:
        yield
    finally:
        gc.freeze()
        gc.set_threshold(*before)
