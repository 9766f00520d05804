"""What the model says of a batch, on its way and as numbers. Knows nothing of the requests that asked."""

import struct
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from models.decision import logit_count
from service.wire.frames import Raw

NO_NUMBER = "the numbers are too large for this model"
"""Why a row has no result, where the model gave none."""


def pack_results(
    probabilities: NDArray[np.float32],
    intercept: NDArray[np.float64] | None = None,
    contributions: NDArray[np.float64] | None = None,
) -> bytes:
    """Return results as they travel, in this order: [rows, classes], [logits], [rows, logits, inputs].

    The last two are there when explanations were asked for. All are little-endian.
    """
    packed = probabilities.tobytes()
    if intercept is not None and contributions is not None:
        packed += intercept.tobytes() + contributions.tobytes()
    return packed


class Results:
    """A batch's probabilities, and its explanations when asked for, from what `pack_results` made."""

    __slots__ = ("_classes", "_columns", "_logits", "_payload", "_rows")

    def __init__(self, payload: Raw, rows: int, classes: int, columns: int) -> None:
        self._payload, self._rows, self._classes, self._columns = payload, rows, classes, columns
        self._logits = logit_count(classes)

    def probabilities(self, first: int, rows: int) -> Iterator[tuple[float, ...]]:
        """Yield the probabilities of `rows` rows from `first` on, [rows, classes]."""
        k = self._classes
        flat = iter(struct.unpack_from(f"<{rows * k}f", self._payload, 4 * first * k))
        return zip(*[flat] * k, strict=True)

    def explanation(self, row: int) -> tuple[float, ...]:
        """Return intercept, contributions in the inputs' order, and their sum, the logit, for each logit."""
        k, columns = self._logits, self._columns
        start = 4 * self._rows * self._classes
        intercepts = struct.unpack_from(f"<{k}d", self._payload, start)
        found: tuple[float, ...] = ()
        for index, intercept in enumerate(intercepts):
            place = start + 8 * (k + (row * k + index) * columns)
            contributions = struct.unpack_from(f"<{columns}d", self._payload, place)
            found += (intercept, *contributions, intercept + sum(contributions))
        return found

    def probabilities_array(self, first: int, rows: int) -> NDArray[np.float32]:
        """Return the probabilities of `rows` rows from `first` on, [rows, classes]."""
        found = np.frombuffer(self._payload, "<f4", rows * self._classes, first * self._classes * 4)
        return found.reshape(rows, self._classes)

    def explanation_arrays(self, first: int, rows: int) -> dict[str, NDArray[np.float64]]:
        """Return the explanation of `rows` rows from `first` on, by its parts' names.

        They are `intercept` and `logit`, [rows, logits], and `contributions` [rows, logits, inputs].
        """
        found = np.frombuffer(self._payload, "<f8", offset=4 * self._rows * self._classes)
        contributions = found[self._logits :].reshape(self._rows, self._logits, -1)[first : first + rows]
        intercept = np.broadcast_to(found[: self._logits], (rows, self._logits))
        logit = intercept + contributions.sum(2)
        return {"intercept": intercept, "contributions": contributions, "logit": logit}
