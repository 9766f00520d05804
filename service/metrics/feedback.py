"""What true labels say of the answers, of each version of a model. Knows nothing of tokens or HTTP.

Series are by model and version, all there from the first on: a rule over the bins of a version misses none.
"""

from __future__ import annotations

from itertools import pairwise, product
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from prometheus_client import Counter, Histogram

from models.decision import logit_count
from models.record import SCORE_BINS
from service.metrics.buckets import DELAY_BUCKETS
from service.metrics.ledger import Declared
from service.metrics.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray
    from prometheus_client import CollectorRegistry

    from service.metrics.ledger import Ledger

EDGES = np.arange(SCORE_BINS + 1) / SCORE_BINS
"""Of the bins of probabilities: a bin holds its lower edge, the last one both."""
CLIP = np.finfo(np.float64).eps
"""Probabilities are taken to be so far from 0 and 1 for the log-loss, as scikit-learn does."""
MOST_CLASSES = 20
"""A version with more has its losses alone: 20 classes have 2,022 series, for which a scrape of two processes
takes 32 ms (with two classes 87 and 1.5 ms, with ten 912 and 14 ms)."""


def _by_version(name: str, text: str, *labels: str) -> Declared:
    return Declared(f"logitserve_feedback{name}", text, ("model", "version", *labels))


LABELS = _by_version("", "True labels taken, by the label that was said.", "predicted", "actual")
BIN = "class", "actual", "low", "high"
SCORES = _by_version("_scores", "Labels whose probability of the class was at most `high`.", *BIN)
SCORE_SUM = _by_version("_score_sum", "Sum of these probabilities, from `low` to `high` alone.", *BIN)
SQUARES = _by_version("_score_squares", "Sum of the squared probabilities of the class.", "class")
LOG_LOSS = _by_version("_log_loss", "Sum of the log-loss of the labels.")
BRIER = _by_version("_brier", "Sum of the Brier score of the labels.")
FEEDBACK_COUNTERS = (LABELS, SCORES, SCORE_SUM, SQUARES, LOG_LOSS, BRIER)
OUTCOMES = ("taken", "repeated", "late", "refused")


class Version(NamedTuple):
    """A version whose answers get labels: its classes, and which of two is the positive one."""

    model: str
    version: str
    classes: tuple[str, ...]
    positive: int


class Labelled(NamedTuple):
    """What was said of rows, and what was true of them; classes are told by their places."""

    probabilities: NDArray[np.float32]
    """[rows, classes]"""
    predicted: NDArray[np.intp]
    actual: NDArray[np.intp]
    delays_s: Sequence[float]


class FeedbackMetrics:
    """The metrics of feedback of one HTTP process; those with a version stand in the ledger."""

    def __init__(self, registry: CollectorRegistry, ledger: Ledger) -> None:
        self._ledger = ledger
        self._begun: dict[Version, list[str]] = {}
        self._delay = Histogram(
            "logitserve_feedback_delay_seconds",
            "From an answer to its label.",
            ["model"],
            buckets=DELAY_BUCKETS,
            registry=registry,
        )
        self._tokens = Counter(
            "logitserve_feedback_tokens_total", "Tokens that came.", ["outcome"], registry=registry
        )
        for outcome in OUTCOMES:
            self._tokens.labels(outcome)
        self._dropped = Counter(
            "logitserve_capture_dropped_total",
            "Rows and labels that were to be kept, and were not.",
            ["kind"],
            registry=registry,
        )
        for kind in ("rows", "labels"):
            self._dropped.labels(kind)

    def begin(self, version: Version) -> list[str]:
        """Have all series of a version be there, and return their keys."""
        keys = self._begun.get(version)
        if keys is None:
            keys = self._begun[version] = list(_keys(version))
            self._delay.labels(version.model)
            for key in keys:
                self._ledger.add(key, 0)
        return keys

    def forget(self, is_over: Callable[[str, str], bool]) -> None:
        """Take note that the series of versions that are over are let go of."""
        self._begun = {
            each: keys for each, keys in self._begun.items() if not is_over(each.model, each.version)
        }

    def came(self, outcome: str, tokens: int) -> None:
        """Count tokens that came, by one of OUTCOMES."""
        self._tokens.labels(outcome).inc(tokens)

    def dropped(self, kind: str, lines: int) -> None:
        """Count `rows` or `labels` that could not be kept."""
        self._dropped.labels(kind).inc(lines)

    def taken(self, version: Version, labels: Labelled) -> None:
        """Count the labels of a version."""
        for key, amount in zip(self.begin(version), _amounts(version, labels), strict=True):
            if amount:
                self._ledger.add(key, amount)
        delays = Tally(DELAY_BUCKETS)
        for delay in labels.delays_s:
            delays.add(delay)
        delays.flush(self._delay.labels(version.model))


def _scored(version: Version) -> Sequence[int]:
    """Return the classes whose probabilities are told: the positive one of two, or each."""
    return [version.positive] if logit_count(len(version.classes)) == 1 else range(len(version.classes))


def _keys(version: Version) -> Iterable[str]:
    """Yield a key for each number that `_amounts` returns."""
    of = version.model, version.version
    yield LOG_LOSS.key(*of)
    yield BRIER.key(*of)
    if len(version.classes) > MOST_CLASSES:
        return
    for predicted, actual in product(version.classes, version.classes):
        yield LABELS.key(*of, predicted, actual)
    for place in _scored(version):
        name = version.classes[place]
        yield SQUARES.key(*of, name)
        for counter, actual in product((SCORES, SCORE_SUM), ("false", "true")):
            for low, high in pairwise(EDGES):
                yield counter.key(*of, name, actual, f"{low:g}", f"{high:g}")


def _amounts(version: Version, labels: Labelled) -> list[float]:
    """Return by how much each series of a version grows.

    Log-loss, Brier score, confusion [predicted, actual]; and of each class that is told its squares, and by
    whether it was the true one the labels up to each bin, and then the sums within each.
    """
    classes = labels.probabilities.shape[1]
    wide = labels.probabilities.astype(np.float64)
    hit = labels.actual[:, None] == np.arange(classes)
    squares = (wide - hit) ** 2
    scored = _scored(version)
    found = [-np.log(wide[hit].clip(CLIP, 1 - CLIP)).sum(), squares[:, scored].sum()]
    if classes > MOST_CLASSES:
        return found
    pairs = labels.predicted * classes + labels.actual
    found += np.bincount(pairs, minlength=classes * classes).tolist()
    last = len(EDGES) - 2
    for place in scored:
        score = wide[:, place]
        found.append((score**2).sum())
        bins = np.minimum(np.searchsorted(EDGES, score, "right") - 1, last)
        bins += (last + 1) * hit[:, place]
        count, total = (
            np.bincount(bins, weights, 2 * (last + 1)).reshape(2, -1) for weights in (None, score)
        )
        found += [*count.cumsum(1).ravel().tolist(), *total.ravel().tolist()]
    return found
