"""The processes that train together, as torchrun starts them. Knows nothing of what they do.

Each has the rank and the number of all in its environment; they find each other by the address that
torchrun gives.
"""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

import torch
from torch import Tensor, distributed

from models.errors import StoreError
from training.errors import DataError, RanksError, TrainingError

LONGEST = timedelta(days=1)
"""How long one waits for the others, who read, fit or publish: that one ended is known at once."""
ENDED = "another of the processes that train together has ended, and so does this one"

Found = TypeVar("Found")


class Ranks:
    """The processes that train together: by itself, one that has all rows."""

    rank = 0
    size = 1

    def sum(self, values: Tensor) -> Tensor:
        """Add up what all have, element by element, the same bits for all."""
        return values

    def max(self, values: Tensor) -> Tensor:
        """Find the largest that any has, element by element."""
        return values

    def same(self, values: Tensor) -> Tensor:
        """Return what the first one has: processors differ in last bits, and no decision may hang on them."""
        return values

    def agreed(self, work: Callable[[], Found]) -> Found:
        """Work, and return what was found once all others have done so too.

        Raises the TrainingError or StoreError of the first that failed, whoever it was. `work` itself calls
        none of these methods: one that failed would not be there.
        """
        return work()

    def share(self, rows: int) -> slice:
        """Return which of so many rows are this one's."""
        return slice(rows * self.rank // self.size, rows * (self.rank + 1) // self.size)


class _Together(Ranks):
    """One of several, all of which make the same calls in the same order.

    Each call raises RanksError when another one has ended.
    """

    def __init__(self, rank: int, size: int) -> None:
        self.rank, self.size = rank, size

    def sum(self, values: Tensor) -> Tensor:
        return self._reduced(values, distributed.ReduceOp.SUM)

    def max(self, values: Tensor) -> Tensor:
        return self._reduced(values, distributed.ReduceOp.MAX)

    def same(self, values: Tensor) -> Tensor:
        found = values.clone()
        with _ended():
            distributed.broadcast(found, 0)
        return found

    def agreed(self, work: Callable[[], Found]) -> Found:
        found, error = None, None
        try:
            found = work()
        except RanksError:
            raise
        except (TrainingError, StoreError) as failed:
            error = failed
        said: list[Exception | None] = [None] * self.size
        with _ended():
            distributed.all_gather_object(said, error)
        for rank, other in enumerate(said):
            if other is not None:
                # The same for all, as with one process, or one process's own.
                same = len({str(each) for each in said}) == 1
                raise other if same else type(other)(f"rank {rank}: {other}")
        return found  # type: ignore[return-value]  # there was no error

    def _reduced(self, values: Tensor, how: "distributed.ReduceOp.RedOpType") -> Tensor:
        found = values.clone()
        with _ended():
            distributed.all_reduce(found, how)
        return self.same(found)  # or each may have added up in an order of its own


def first(environment: Mapping[str, str] = os.environ) -> bool:
    """Tell whether this is the process that speaks and publishes, of several or by itself."""
    return environment.get("RANK", "0") == "0"


def local_size(environment: Mapping[str, str] = os.environ) -> int:
    """Return how many of the processes share this machine."""
    return int(environment.get("LOCAL_WORLD_SIZE", "1"))


def device(name: str, environment: Mapping[str, str] = os.environ) -> torch.device:
    """Return the device of that type which is this process's own, where several share a machine."""
    place = environment.get("LOCAL_RANK")
    return torch.device(name) if name == "cpu" or place is None else torch.device(name, int(place))


@contextmanager
def joined(environment: Mapping[str, str] = os.environ) -> Iterator[Ranks]:
    """Give the processes that train together, this one among them, once all are there.

    Raises RanksError when they cannot be reached.
    """
    size = int(environment.get("WORLD_SIZE", "1"))
    if size == 1:
        yield Ranks()
        return
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    try:
        distributed.init_process_group(backend, timeout=LONGEST)
    except (RuntimeError, ValueError) as error:
        raise RanksError(f"the other processes cannot be reached: {error}") from error
    try:
        yield _Together(int(environment["RANK"]), size)
    finally:
        distributed.destroy_process_group()


def refuse_others(ranks: Ranks, what: str, value: object) -> None:
    """Raise DataError that names `what` where a process has another value of it, as text, than the first."""
    own = torch.tensor(list(hashlib.sha256(repr(value).encode()).digest()), dtype=torch.float64)
    if not torch.equal(ranks.max(own), -ranks.max(-own)):
        raise DataError(f"the processes that train together differ in {what}")


@contextmanager
def _ended() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise RanksError(ENDED) from error
