"""What the model says of a batch, as Python numbers. Knows nothing of the requests that asked."""


class Results:
    """A batch's probabilities, and its explanations when they were asked for.

    `probabilities` is flat, [rows, classes]. `logits` is how many logits a row has: 1 for two classes, else
    one a class.
    """

    __slots__ = ("_columns", "_explanation", "_rows", "logits", "probabilities")

    def __init__(self, payload: bytes | bytearray, rows: int, classes: int, columns: int) -> None:
        size = rows * classes * 4
        view = memoryview(payload)
        self.probabilities: list[float] = view[:size].cast("f").tolist()  # type: ignore[assignment] # typeshed: int
        self.logits = 1 if classes == 2 else classes  # noqa: PLR2004 - two classes share one logit
        self._explanation: list[float] = view[size:].cast("d").tolist()  # type: ignore[assignment] # as above
        self._rows, self._columns = rows, columns

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
