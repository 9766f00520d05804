"""Totals as Prometheus's text: each version's from a template of its own, made once.

prometheus_client makes an object of every sample: for the columns of eight versions that would stop an HTTP
process for tens of milliseconds.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, NamedTuple

from service.drift.columns import ABOVE, BELOW

if TYPE_CHECKING:
    from collections.abc import Iterable

    from service.drift.reader import Found
    from service.drift.totals import Layout

ESCAPED = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


VERSION = ("model", "version")
BIN = (*VERSION, "kind", "column", "bin")


class Family(NamedTuple):
    """A metric: its name without the prefix, its type, its labels, and what it is."""

    name: str
    kind: str
    labels: tuple[str, ...]
    text: str

    @property
    def head(self) -> str:
        """The lines before its samples."""
        return f"# HELP logitserve_{self.name} {self.text}\n# TYPE logitserve_{self.name} {self.kind}\n"

    def sample(self, *values: str) -> str:
        """Return the line of a sample, up to its number."""
        pairs = zip(self.labels, values, strict=True)
        labels = ",".join(f'{label}="{value.translate(ESCAPED)}"' for label, value in pairs)
        return f"logitserve_{self.name}{{{labels}}} "


ROWS = Family("drift_rows_total", "counter", BIN, "Rows looked at, by the bin of each column.")
REFERENCE = Family("drift_reference_ratio", "gauge", BIN, "Training's share of each bin.")
REFERENCE_ROWS = Family("drift_reference_rows", "gauge", BIN[:-1], "Rows that training's shares are of.")
SAMPLED = Family("drift_sampled_rows_total", "counter", VERSION, "Rows looked at.")
OUTSIDE = Family(
    "drift_outside_total", "counter", (*VERSION, "column", "side"), "Numbers beyond what training saw."
)
CONFUSION = Family(
    "expected_confusion_total",
    "counter",
    (*VERSION, "predicted", "actual"),
    "Rows by label and expected truth, if the probabilities hold.",
)
LOG_LOSS = Family(
    "expected_log_loss_total", "counter", VERSION, "Sum of the log-loss, if the probabilities hold."
)
BRIER = Family(
    "expected_brier_total", "counter", VERSION, "Sum of the Brier score, if the probabilities hold."
)
FAMILIES = (ROWS, REFERENCE, REFERENCE_ROWS, SAMPLED, OUTSIDE, CONFUSION, LOG_LOSS, BRIER)


def text(versions: Iterable[Found]) -> bytes:
    """Return the metrics of versions, each under its family."""
    parts: dict[Family, list[str]] = {family: [] for family in FAMILIES}
    for found in versions:
        template = _template(found.layout)
        totals = found.now().tolist()
        for family, form in template.counted.items():
            parts[family].append(form % tuple([totals[place] for place in template.places[family]]))
        for family, fixed in template.fixed.items():
            parts[family].append(fixed)
    lines = [(family, "".join(own)) for family, own in parts.items() if own]
    return "".join([family.head + own for family, own in lines]).encode()


class _Template(NamedTuple):
    """The lines of a version, by family: some with a `%` for each total at `places`, and fixed ones."""

    counted: dict[Family, str]
    places: dict[Family, list[int]]
    fixed: dict[Family, str]


@functools.lru_cache(64)
def _template(layout: Layout) -> _Template:
    version = layout.model, layout.version
    counted: dict[Family, list[str]] = {family: [] for family in FAMILIES}
    places: dict[Family, list[int]] = {family: [] for family in FAMILIES}
    fixed: dict[Family, list[str]] = {family: [] for family in FAMILIES}

    def count(family: Family, at: int, form: str, *labels: str) -> None:
        counted[family].append(family.sample(*version, *labels).replace("%", "%%") + form + "\n")
        places[family].append(at)

    place = 0
    for column in layout.columns:
        if column.reference is not None:
            rows = REFERENCE_ROWS.sample(*version, column.kind, column.name)
            fixed[REFERENCE_ROWS].append(f"{rows}{column.reference_rows}\n")
            for name, share in zip(column.bins, column.reference, strict=True):
                fixed[REFERENCE].append(
                    f"{REFERENCE.sample(*version, column.kind, column.name, name)}{share!r}\n"
                )
        for at, name in enumerate(column.bins, place):
            count(ROWS, at, "%.0f", column.kind, column.name, name)
            if column.of == "numeric" and name in (BELOW, ABOVE):
                count(OUTSIDE, at, "%.0f", column.name, name)
        place += len(column.bins)
    count(SAMPLED, place, "%.0f")
    pairs = [(predicted, actual) for predicted in layout.classes for actual in layout.classes]
    for at, pair in enumerate(pairs, place + 1):
        count(CONFUSION, at, "%r", *pair)
    count(LOG_LOSS, layout.width - 2, "%r")
    count(BRIER, layout.width - 1, "%r")
    return _Template(
        {family: "".join(lines) for family, lines in counted.items() if lines},
        places,
        {family: "".join(lines) for family, lines in fixed.items() if lines},
    )
