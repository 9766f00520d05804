"""What true labels say of the answers, beside scikit-learn."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from prometheus_client import CollectorRegistry, values
from sklearn.metrics import confusion_matrix, log_loss

from service.metrics.buckets import DELAY_BUCKETS
from service.metrics.feedback import MOST_CLASSES, FeedbackMetrics, Labelled, Version
from tests.service.ledgers import open_ledger

ROWS = 500
RANDOM = np.random.default_rng(17)


class Counted:
    """The metrics of feedback, in memory."""

    def __init__(self, registry: CollectorRegistry, metrics: FeedbackMetrics) -> None:
        self.registry = registry
        self.metrics = metrics

    def __call__(self, name: str, **labels: str) -> float | None:
        """Return what a scrape would tell."""
        return self.registry.get_sample_value(f"logitserve_feedback_{name}", {"model": "tiny", **labels})

    def series(self) -> dict[str, int]:
        """Return how many series each counter has that has versions."""
        samples = [sample for family in self.registry.collect() for sample in family.samples]
        found = [sample.name for sample in samples if "version" in sample.labels]
        return {name.removeprefix("logitserve_"): found.count(name) for name in found}


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Counted]:
    """Metrics of one process."""
    monkeypatch.setattr("prometheus_client.values.ValueClass", values.MutexValue)
    registry = CollectorRegistry()
    with open_ledger(tmp_path, registry) as ledger:
        yield Counted(registry, FeedbackMetrics(registry, ledger))


def version(classes: int, positive: int = 0) -> Version:
    """Return a version with so many classes."""
    return Version("tiny", "3", tuple(f"label {place}" for place in range(classes)), positive)


def labelled(classes: int, rows: int = ROWS) -> Labelled:
    """Return rows that are answered well, but for some."""
    probabilities = RANDOM.dirichlet(np.ones(classes), rows).astype(np.float32)
    actual = np.array([RANDOM.choice(classes, p=each / each.sum()) for each in probabilities.astype(float)])
    return Labelled(probabilities, probabilities.argmax(1), actual, [3.0] * rows)


@pytest.mark.parametrize("classes", [2, 3])
def test_confusion_and_losses_are_scikit_learns(counted: Counted, classes: int) -> None:
    """Whichever class is the positive one; of two requests those of both."""
    of, parts = version(classes), [labelled(classes), labelled(classes, 7)]
    for part in parts:
        counted.metrics.taken(of, part)
    p, predicted, actual = (np.concatenate([each[place] for each in parts]) for place in range(3))
    for (row, column), count in np.ndenumerate(confusion_matrix(actual, predicted)):
        pair = {"predicted": of.classes[column], "actual": of.classes[row]}
        assert counted("total", version="3", **pair) == count
    wide = p.astype(np.float64)
    expected = log_loss(actual, wide / wide.sum(1, keepdims=True), normalize=False)
    assert counted("log_loss_total", version="3") == pytest.approx(expected)
    squares = (p - np.eye(classes)[actual]) ** 2
    brier = squares[:, 0].sum() if classes == 2 else squares.sum()
    assert counted("brier_total", version="3") == pytest.approx(brier)


def test_a_probability_of_nothing_has_scikit_learns_loss(counted: Counted) -> None:
    """It is clipped by the same number."""
    found = Labelled(np.array([[1, 0], [1, 0]], np.float32), np.array([0, 0]), np.array([1, 0]), [0, 0])
    counted.metrics.taken(version(2), found)
    expected = log_loss([1, 0], found.probabilities.astype(np.float64), normalize=False)
    assert counted("log_loss_total", version="3") == pytest.approx(expected)
    assert expected > 36


@pytest.mark.parametrize(("classes", "positive", "told"), [(2, 0, [0]), (2, 1, [1]), (3, 2, [0, 1, 2])])
def test_scores_are_told_by_bin_and_outcome(
    counted: Counted, classes: int, positive: int, told: list[int]
) -> None:
    """Of two classes those of the positive one; counts up to each bin, sums within it."""
    of, found = version(classes, positive), labelled(classes)
    counted.metrics.taken(of, found)
    edges = np.arange(21) / 20
    for place, name in enumerate(of.classes):
        p, hit = found.probabilities[:, place].astype(np.float64), found.actual == place
        squares = counted("score_squares_total", version="3", **{"class": name})
        assert squares == (pytest.approx((p**2).sum()) if place in told else None)
        for outcome, chosen in (("true", hit), ("false", ~hit)):
            for number, (low, high) in enumerate(pairwise(edges)):
                within = (p[chosen] >= low) & ((p[chosen] < high) | (number == 19))
                labels = {"class": name, "actual": outcome, "low": f"{low:g}", "high": f"{high:g}"}
                told_of = [
                    counted(f"{each}_total", version="3", **labels) for each in ("scores", "score_sum")
                ]
                up_to = (p[chosen] < high).sum() if number < 19 else chosen.sum()
                expected = [up_to, pytest.approx(p[chosen][within].sum())]
                assert told_of == (expected if place in told else [None, None])


def test_a_bin_holds_its_lower_edge_and_the_last_one_both(counted: Counted) -> None:
    """As double precision has it, in which 0.05 is less than in single."""
    edges = [0, 0.05, 0.25, 0.5, 0.75, 1]
    p = np.array([[1 - edge, edge] for edge in edges], np.float32)
    counted.metrics.taken(version(2, 1), Labelled(p, p.argmax(1), np.ones(len(p), np.intp), [0] * len(p)))
    labels = {"version": "3", "class": "label 1", "actual": "true"}
    wanted = {
        "0": 1,
        "0.05": 2,
        "0.2": 2,
        "0.25": 3,
        "0.45": 3,
        "0.5": 4,
        "0.7": 4,
        "0.75": 5,
        "0.9": 5,
        "0.95": 6,
    }
    for low, count in wanted.items():
        assert counted("scores_total", **labels, low=low, high=f"{float(low) + 0.05:g}") == count, low


@pytest.mark.parametrize(("classes", "scored"), [(2, 1), (3, 3), (MOST_CLASSES, MOST_CLASSES), (21, 0)])
def test_all_series_are_there_from_the_first_on(counted: Counted, classes: int, scored: int) -> None:
    """At 0; of very many classes the losses alone."""
    of = version(classes)
    counted.metrics.begin(of)
    expected = {"feedback_log_loss_total": 1, "feedback_brier_total": 1}
    if scored:
        expected |= {
            "feedback_total": classes**2,
            "feedback_scores_total": 40 * scored,
            "feedback_score_sum_total": 40 * scored,
            "feedback_score_squares_total": scored,
        }
    assert counted.series() == expected
    assert counted("delay_seconds_count") == 0
    counted.metrics.taken(of, labelled(classes, 3))
    assert counted.series() == expected
    assert (counted("log_loss_total", version="3") or 0) > 0


def test_series_that_were_let_go_of_are_there_again_with_the_next_label(counted: Counted) -> None:
    """All of them."""
    of = version(2)
    counted.metrics.begin(of)
    before = counted.series()
    counted.metrics._ledger.forget(lambda _: True)
    counted.metrics.forget(lambda model, number: (model, number) == ("tiny", "3"))
    assert counted.series() == {}
    counted.metrics.taken(of, labelled(2, 1))
    assert counted.series() == before


def test_delays_and_tokens_are_counted(counted: Counted) -> None:
    """The one by model, the other by what became of them."""
    found = labelled(2, 2)
    counted.metrics.taken(version(2), found._replace(delays_s=[0.5, 86400.0]))
    assert (counted("delay_seconds_count"), counted("delay_seconds_sum")) == (2, 86400.5)
    counted.metrics.came("late", 3)
    told = [
        counted.registry.get_sample_value("logitserve_feedback_tokens_total", {"outcome": outcome})
        for outcome in ("taken", "repeated", "late", "refused")
    ]
    assert told == [0, 0, 3, 0]
    assert DELAY_BUCKETS[-1] > 30 * 86400
