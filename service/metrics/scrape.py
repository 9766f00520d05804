"""How the metric files of all processes become one scrape."""

import json
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector


class TolerantCollector:
    """All processes' files as one scrape, without those that cannot be read.

    A process killed while it opens a file leaves it empty or torn. The scrape then goes on without that
    file and says so in `logitserve_metric_files_skipped`; files that are missing altogether count too.
    """

    def __init__(self, directory: Path, slots: Iterable[str]) -> None:
        self._directory = directory
        self._slots = tuple(slots)

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics, summed over all processes."""
        files, skipped = [], 0
        for path in sorted(self._directory.glob("*.db")):
            try:
                for key, *_ in MmapedDict.read_all_values_from_file(str(path)):  # type: ignore[no-untyped-call]
                    json.loads(key)
                files.append(str(path))
            except (OSError, ValueError, RuntimeError, IndexError, struct.error):
                skipped += 1
        skipped += sum(not any(file.endswith(f"_{slot}.db") for file in files) for slot in self._slots)
        yield from MultiProcessCollector.merge(files)  # type: ignore[no-untyped-call]
        yield GaugeMetricFamily(
            "logitserve_metric_files_skipped",
            "Metric files that this scrape could not read, so that its totals may be low.",
            value=skipped,
        )
