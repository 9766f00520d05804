"""The tables of a report, as rows of numbers and names. Knows nothing of markup."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.manifest import Manifest
from models.record import Interval, Metrics, SplitName
from training.documents.digits import NOTHING, ends, figure, share
from training.documents.sentences import positive
from training.report import base

MOST_CLASSES = 10
SPLITS: tuple[SplitName, ...] = ("train", "validation", "test")
OFFERED = (0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98)
"""Thresholds that are worth a look."""


@dataclass(frozen=True)
class Measure:
    """A figure on each split, its interval on test, and what the shares of the classes alone would have."""

    name: str
    values: tuple[str, ...]
    interval: str
    base: str


def measures(manifest: Manifest) -> list[Measure]:
    """Return the figures of quality; the first three have intervals."""
    test = manifest.metrics.get("test")
    found = None if test is None else test.intervals
    entropy, lots = (None, None) if test is None else base(test, positive(manifest))
    kept = {"accuracy": None if test is None else test.baseline_accuracy}

    def row(name: str, field: str, low: float | None, interval: Interval | None = None) -> Measure:
        values = (_of(manifest.metrics.get(split), field) for split in SPLITS)
        return Measure(
            name,
            tuple(
                _share(value, manifest, split) if field in kept else figure(value, interval)
                for value, split in zip(values, SPLITS, strict=True)
            ),
            ends(interval),
            _share(low, manifest, "test") if field in kept else figure(low, interval),
        )

    return [
        row("Log-loss", "log_loss", entropy, None if found is None else found.log_loss),
        row("ROC AUC", "roc_auc", 0.5, None if found is None else found.roc_auc),
        row(
            "Average precision",
            "average_precision",
            lots,
            None if found is None else found.average_precision,
        ),
        row("Accuracy", "accuracy", kept["accuracy"]),
        row("Brier score", "brier", None),
    ]


def _of(measured: Metrics | None, field: str) -> float | None:
    value: float | None = None if measured is None else getattr(measured, field)
    return value


def _share(value: float | None, manifest: Manifest, split: SplitName) -> str:
    return NOTHING if value is None else share(value, manifest.data.rows.get(split, 0))


def shown_classes(manifest: Manifest, most: int = MOST_CLASSES) -> list[int]:
    """Return the classes that have a chart: all, or of many those with the most rows, in their order."""
    measured = manifest.metrics.get("test") or manifest.metrics.get("train")
    if measured is None or len(manifest.classes) <= most:
        return list(range(min(len(manifest.classes), most)))
    counted = np.array(measured.confusion).sum(1)
    return sorted(np.argsort(-counted, kind="stable")[:most].tolist())


def class_rows(manifest: Manifest, taken: Sequence[int]) -> list[tuple[int | None, list[int | None]]]:
    """Return the rows of each class taken in each split, and of the others together under None."""
    counted = [
        None if (measured := manifest.metrics.get(split)) is None else np.array(measured.confusion).sum(1)
        for split in SPLITS
    ]
    found: list[tuple[int | None, list[int | None]]] = [
        (index, [None if counts is None else int(counts[index]) for counts in counted]) for index in taken
    ]
    if len(taken) < len(manifest.classes):
        rest = [
            None if counts is None else int(counts.sum() - counts[list(taken)].sum()) for counts in counted
        ]
        found.append((None, rest))
    return found


def sampled(manifest: Manifest) -> bool:
    """Return whether a split was too large to be measured whole, so that its classes are of some rows."""
    return any(
        measured is not None and int(np.sum(measured.confusion)) < manifest.data.rows[split]
        for split, measured in manifest.metrics.items()
    )


def folded(confusion: Sequence[Sequence[int]], taken: Sequence[int]) -> NDArray[np.int64]:
    """Return the confusion of the classes taken; if there are others, they are the last row and column."""
    counts = np.array(confusion)
    if len(taken) == len(counts):
        return counts
    place = np.full(len(counts), len(taken))
    place[list(taken)] = np.arange(len(taken))
    found = np.zeros((len(taken) + 1,) * 2, np.int64)
    np.add.at(found, (place[:, None], place), counts)
    return found


def served_at(confusion: Sequence[Sequence[int]], index: int) -> tuple[float, float, float | None] | None:
    """Return a class's false positive rate, recall and precision as it is answered.

    None where one side has no rows; there is no precision of a class that is never the answer.
    """
    counts = np.array(confusion)
    own, told, every = counts[index].sum(), counts[:, index].sum(), counts.sum()
    hit = counts[index, index]
    if not 0 < own < every:
        return None
    return float((told - hit) / (every - own)), float(hit / own), float(hit / told) if told else None


@dataclass(frozen=True)
class Offer:
    """What a threshold would do on the test rows: how many are told positive, falsely, and missed."""

    threshold: float
    served: bool
    told: int
    false: int
    missed: int
    precision: float | None
    recall: float
    accuracy: float


def offers(sweep: Mapping[str, Any], manifest: Manifest, measured: Metrics) -> list[Offer]:
    """Return the served threshold among a few others, descending.

    The others are scores of the sweep, so that what they do is exact.
    """
    index = manifest.classes.index(manifest.positive or "")
    counts = np.array(measured.confusion)
    positives = int(counts[index].sum())
    rising = np.array(sweep["threshold"])[::-1]
    places = np.searchsorted(rising, OFFERED)
    taken = sorted({len(rising) - 1 - int(place) for place in places if place < len(rising)})
    told, hit = int(counts[:, index].sum()), int(counts[index, index])
    found = [
        Offer(
            manifest.threshold.value, True, told, told - hit, positives - hit,
            hit / told if told else None, hit / positives, measured.accuracy,
        )
    ]  # fmt: skip
    for place in taken:
        true, false = (sweep[side][place] for side in ("true_positives", "false_positives"))
        if sweep["threshold"][place] != manifest.threshold.value:
            figures = (sweep[field][place] for field in ("precision", "recall", "accuracy"))
            found.append(
                Offer(sweep["threshold"][place], False, true + false, false, positives - true, *figures)
            )
    return sorted(found, key=lambda offer: -offer.threshold)


@dataclass(frozen=True)
class Coefficient:
    """What a column of the fit adds to each logit, [k], and how far that is known."""

    column: str
    values: tuple[float, ...]
    spreads: tuple[float, ...] | None

    def spread(self, index: int) -> float | None:
        """Return the spread of one of the values."""
        return None if self.spreads is None else self.spreads[index]


def coefficients(document: Mapping[str, Any]) -> tuple[list[Coefficient], Coefficient]:
    """Return the columns by falling size of their largest value, and the intercept."""
    *found, intercept = (
        Coefficient(
            each["column"], tuple(each["value"]), None if each["spread"] is None else tuple(each["spread"])
        )
        for each in document["coefficients"]
    )
    return sorted(found, key=lambda each: -max(map(abs, each.values))), intercept


def ranked(found: Sequence[Coefficient], index: int) -> list[Coefficient]:
    """Return coefficients by falling size of what they add to one logit."""
    return sorted(found, key=lambda each: -abs(each.values[index]))


def line(document: Mapping[str, Any], manifest: Manifest) -> tuple[float, float, float] | None:
    """Return (a, b, c) of the line a·x + b·y + c = 0 of two inputs on which the answer changes.

    None where there is no plane, or no such line.
    """
    least = manifest.threshold.value
    if document["points"] is None or not 0 < least < 1:
        return None
    if manifest.positive != manifest.classes[-1]:
        least = 1 - least
    slopes = [document["slopes"][item.name][0] for item in manifest.inputs]
    means = [item.reference.mean for item in manifest.inputs if item.kind == "numeric"]
    c = (
        coefficients(document)[1].values[0]
        - float(np.dot(slopes, means))
        - float(np.log(least / (1 - least)))
    )
    return slopes[0], slopes[1], c
