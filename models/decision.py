"""From probabilities to a class, or to none: the one place that decides. Knows nothing of how they came."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

BINARY = 2
ABSTAIN = "abstain"
"""What `decision` says in the place of a label."""


def logit_count(classes: int) -> int:
    """Return how many logits tell so many classes apart; two share one, of which the last is the sigmoid."""
    return 1 if classes == BINARY else classes


class Decision:
    """The rule of one model: with two classes the positive from its threshold on, else the most probable."""

    def __init__(
        self,
        classes: int,
        threshold: float,
        positive: int | None = None,
        band: tuple[float, float] | None = None,
    ) -> None:
        """`threshold` is the least probability of the positive of two classes at which it is the answer.

        `positive` is its index, by default the last. There is no answer while the probability, of the
        positive one or of the most probable of more, is at least band[0] and below band[1].
        """
        self._binary = classes == BINARY
        self._positive = classes - 1 if positive is None else positive
        self._threshold = threshold
        self._band = band
        # Chosen once: a request's rows are decided one by one.
        self.of_row: Callable[[Sequence[float]], int] = (
            _from(threshold, self._positive) if self._binary else _most_probable
        )
        """Returns the class of one row of probabilities; of one with NaN in it, any."""

    @property
    def positive(self) -> int:
        """The index of the class, of two, that the threshold speaks of."""
        return self._positive

    @property
    def abstains(self) -> bool:
        """Whether there may be no answer."""
        return self._band is not None

    def accepts(self, row: Sequence[float]) -> bool:
        """Return whether one row of probabilities is answered."""
        if self._band is None:
            return True
        told = row[self._positive] if self._binary else max(row)
        return not self._band[0] <= told < self._band[1]

    def of_array(self, probabilities: NDArray[np.floating]) -> NDArray[np.intp]:
        """Return the class of each row of [rows, classes]."""
        if self._binary:
            # As a float64, or NumPy would round the threshold to the probabilities' own precision.
            positive = probabilities[:, self._positive] >= np.float64(self._threshold)
            last: NDArray[np.bool_] = positive == bool(self._positive)
            return last.astype(np.intp)
        found: NDArray[np.intp] = probabilities.argmax(1)
        return found

    def accepts_array(self, probabilities: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Return whether each row of [rows, classes] is answered."""
        if self._band is None:
            return np.ones(len(probabilities), np.bool_)
        told = probabilities[:, self._positive] if self._binary else probabilities.max(1)
        low, high = map(np.float64, self._band)
        accepted: NDArray[np.bool_] = ~((told >= low) & (told < high))
        return accepted


def _from(threshold: float, positive: int) -> Callable[[Sequence[float]], int]:
    def last(row: Sequence[float]) -> int:
        return 1 if row[1] >= threshold else 0

    def first(row: Sequence[float]) -> int:
        return 0 if row[0] >= threshold else 1

    return last if positive else first


def _most_probable(row: Sequence[float]) -> int:
    return row.index(max(row))
