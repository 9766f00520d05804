"""From probabilities to a class: the one place that decides. Knows nothing of how they came about."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

BINARY = 2


def logit_count(classes: int) -> int:
    """Return how many logits tell so many classes apart; two share one, of which the last is the sigmoid."""
    return 1 if classes == BINARY else classes


class Decision:
    """The rule of one model: with two classes the last from its threshold on, with more the most probable."""

    def __init__(self, classes: int, threshold: float) -> None:
        """`threshold` is the least probability of the last of two classes at which it is the answer."""
        self._binary = classes == BINARY
        self._threshold = threshold
        # Chosen once: a request's rows are decided one by one.
        self.of_row: Callable[[Sequence[float]], int] = _from(threshold) if self._binary else _most_probable
        """Returns the class of one row of probabilities; of one with NaN in it, any."""

    def of_array(self, probabilities: NDArray[np.floating]) -> NDArray[np.intp]:
        """Return the class of each row of [rows, classes]."""
        if self._binary:
            # As a float64, or NumPy would round the threshold to the probabilities' own precision.
            return (probabilities[:, 1] >= np.float64(self._threshold)).astype(np.intp)
        found: NDArray[np.intp] = probabilities.argmax(1)
        return found


def _from(threshold: float) -> Callable[[Sequence[float]], int]:
    def decide(row: Sequence[float]) -> int:
        return 1 if row[1] >= threshold else 0

    return decide


def _most_probable(row: Sequence[float]) -> int:
    return row.index(max(row))
