"""A ledger in a folder of a test's own, whose counts are in a registry like all others."""

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector

from service.metrics.ledger import Ledger


class Counted:
    """What the files of a folder hold, as a scrape reads them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def collect(self) -> Iterable[Metric]:
        """Return the metrics, summed over all files."""
        found: Iterable[Metric] = MultiProcessCollector.merge(
            [str(path) for path in self._folder.glob("*.db")]
        )
        return found


@contextlib.contextmanager
def open_ledger(
    folder: Path, registry: CollectorRegistry | None = None, slot: str = "api-0"
) -> Iterator[Ledger]:
    """Yield the ledger of a slot, which a registry may tell of."""
    with contextlib.closing(Ledger(folder, slot)) as ledger:
        if registry is not None:
            registry.register(Counted(folder))  # type: ignore[arg-type]
        yield ledger
