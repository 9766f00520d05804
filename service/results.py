"""What the model says of a batch, as Python numbers or arrays. Knows nothing of the requests that asked."""

import numpy as np
from numpy.typing import NDArray


class Results:
    """A batch's probabilities, and its explanations when they were asked for.

    `probabilities` is flat, [rows, classes]. `logits` is how many logits a row has: 1 for two classes, else
    one a class.
    """

    __slots__ = ("_columns", "_explanation", "_payload", "_rows", "logits", "probabilities")

    def __init__(self, payload: bytes | bytearray, rows: int, classes: int, columns: int) -> None:
        size = rows * classes * 4
        view = memoryview(payload)
        self.probabilities: list[float] = view[:size].cast("f").tolist()  # type: ignore[assignment] # typeshed: int
        self.logits = 1 if classes == 2 else classes  # noqa: PLR2004 - two classes share one logit
        self._explanation: list[float] = view[size:].cast("d").tolist()  # type: ignore[assignment] # as above
        self._rows, self._columns, self._payload = rows, columns, payload

    def intercept(self, index: int) -> float:
        """Return the intercept of logit `index`."""
        return self._explanation[index]

    def logit(self, row: int, index: int) -> float:
        """Return logit `index` of `row`."""
        return self._explanation[self.logits * (1 + row) + index]

    def contributions(self, row: int, index: int) -> list[float]:
        """Return what each input adds to logit `index` of `row`, in the order of the inputs."""
        start = self.logits * (1 + self._rows) + (row * self.logits + index) * self._columns
        return self._explanation[start : start + self._columns]

    def probabilities_array(self, first: int, rows: int) -> NDArray[np.float32]:
        """Return the probabilities of `rows` rows from `first` on, [rows, classes]."""
        classes = len(self.probabilities) // self._rows
        found = np.frombuffer(self._payload, "<f4", rows * classes, first * classes * 4)
        return found.reshape(rows, classes)

    def explanation_arrays(self, first: int, rows: int) -> dict[str, NDArray[np.float64]]:
        """Return the explanation of `rows` rows from `first` on, by its parts' names.

        They are `intercept` [logits], `logit` [rows, logits] and `contributions` [rows, logits, inputs].
        """
        found = np.frombuffer(self._payload, "<f8", offset=len(self.probabilities) * 4)
        intercept, logit, contributions = np.split(found, np.cumsum([self.logits, self._rows * self.logits]))
        shape = self._rows, self.logits, self._columns
        return {
            "intercept": intercept,
            "logit": logit.reshape(shape[:2])[first : first + rows],
            "contributions": contributions.reshape(shape)[first : first + rows],
        }
