"""A histogram's observations, counted in Python numbers until they are moved."""

from bisect import bisect_left

from prometheus_client import Histogram


class Tally:
    """A histogram's observations since the last flush."""

    __slots__ = ("_counts", "_edges", "_sum")

    def __init__(self, edges: tuple[float, ...]) -> None:
        self._edges = edges
        self._counts = [0] * (len(edges) + 1)
        self._sum = 0.0

    def __bool__(self) -> bool:
        """Whether anything was observed."""
        return any(self._counts)

    def add(self, value: float) -> None:
        """Observe `value`."""
        self._counts[bisect_left(self._edges, value)] += 1
        self._sum += value

    def flush(self, histogram: Histogram) -> None:
        """Move the observations into `histogram`, which has the same edges."""
        # The library has no way to observe many at once; tests/contract holds these two names.
        for bucket, count in zip(histogram._buckets, self._counts, strict=True):  # noqa: SLF001
            if count:
                bucket.inc(count)
        histogram._sum.inc(self._sum)  # noqa: SLF001
        self._counts = [0] * len(self._counts)
        self._sum = 0.0
