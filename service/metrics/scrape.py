"""How the metric files of all processes become one scrape."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector

from service.metrics.ledger import is_whole


class TolerantCollector:
    """All processes' files as one scrape, without those that cannot be read.

    A process killed while it opens a file leaves it empty or torn. The scrape then goes on without that
    file and says so in `logitserve_metric_files_skipped`; files that are missing altogether count too.
    """

    def __init__(
        self,
        directory: Path,
        slots: Iterable[str],
        current: Iterable[tuple[str, int, str]],
        greeting: Mapping[str, Any],
        is_over: Callable[[str, str], bool],
        instance: str,
    ) -> None:
        """`current` has model, version and digest of what answers, on what a worker's `greeting` says.

        Series of a model's version that `is_over` are left out. `instance` names the service.
        """
        self._directory = directory
        self._slots = tuple(slots)
        self._current = current
        self._greeting = greeting
        self._is_over = is_over
        self._instance = instance

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics, summed over all processes."""
        found = sorted(self._directory.glob("*.db"))
        files = [str(path) for path in found if is_whole(path)]
        skipped = len(found) - len(files)
        skipped += sum(not any(file.endswith(f"_{slot}.db") for file in files) for slot in self._slots)
        for family in MultiProcessCollector.merge(files):  # type: ignore[no-untyped-call]
            family.samples = [sample for sample in family.samples if self._is_shown(sample.labels)]
            yield family
        yield from self._model_info()
        running = GaugeMetricFamily(
            "logitserve_instance_info", "The service that counted, until it ends.", labels=("id",)
        )
        running.add_metric((self._instance,), 1)
        yield running
        yield GaugeMetricFamily(
            "logitserve_metric_files_skipped",
            "Metric files that this scrape could not read, so that its totals may be low.",
            value=skipped,
        )

    def _is_shown(self, labels: Mapping[str, str]) -> bool:
        return "version" not in labels or not self._is_over(labels["model"], labels["version"])

    def _model_info(self) -> Iterator[Metric]:
        labels = ("model", "version", "sha256", "device", "torch")
        found = GaugeMetricFamily(
            "logitserve_model_info", "The current version of each model.", labels=labels
        )
        if self._greeting:  # on what, only a worker knows
            on = self._greeting["device"], self._greeting["torch"]
            for model, number, digest in self._current:
                found.add_metric((model, str(number), digest, *on), 1)
        yield found
