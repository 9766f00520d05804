"""The rules on feedback, against scikit-learn."""

from itertools import pairwise
from pathlib import Path

import numpy as np
from sklearn.linear_model import LinearRegression
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from tests.deploy.promtool import Series, case, check, near, series

BINS, HOURS = 20, 24
OF = {"model": "m", "version": "1"}
OF_CLASS = OF | {"class": "sick"}


def ramp(metric: str, end: float, labels: dict[str, str]) -> list[Series]:
    """Return a day of a counter, half of it on each of two pods."""
    values = [end / 2 * hour / HOURS for hour in range(HOURS + 1)]
    return [series(metric, values, instance=pod, **labels) for pod in "ab"]


def test_feedback_is_as_scikit_learn_has_it(tmp_path: Path) -> None:
    """A day's labels of overconfident probabilities, taken by two pods."""
    random = np.random.default_rng(17)
    right = random.uniform(size=5_000)
    y = random.uniform(size=len(right)) < right
    p = np.clip(0.5 + 1.4 * (right - 0.5), 0.001, 0.999)
    bins = (p * BINS).astype(int)
    found = [
        *ramp("feedback_total", y.sum(), OF | {"predicted": "sick", "actual": "sick"}),
        *ramp("feedback_total", (~y).sum(), OF | {"predicted": "sick", "actual": "well"}),
        *ramp("feedback_log_loss_total", -np.log(np.where(y, p, 1 - p)).sum(), OF),
        *ramp("feedback_brier_total", ((p - y) ** 2).sum(), OF),
        *ramp("feedback_score_squares_total", (p**2).sum(), OF_CLASS),
        *ramp("drift_sampled_rows_total", 20_000, OF),
        *ramp("expected_log_loss_total", 20_000 * 0.3, OF),
        *ramp("expected_brier_total", 20_000 * 0.1, OF),
    ]
    edges = [f"{edge:.2g}" for edge in np.linspace(0, 1, BINS + 1)]
    for actual, chosen in (("true", y), ("false", ~y)):
        for place, (low, high) in enumerate(pairwise(edges)):
            labels = OF_CLASS | {"actual": actual, "low": low, "high": high}
            found += ramp("feedback_scores_total", (chosen & (bins <= place)).sum(), labels)
            found += ramp("feedback_score_sum_total", p[chosen & (bins == place)].sum(), labels)
    apart = [abs((p - y)[bins == place].sum()) for place in range(BINS)]
    expected = {
        "model:logitserve_feedback_labels:1d": len(y),
        "model:logitserve_feedback_log_loss:1d": log_loss(y, p),
        "model:logitserve_feedback_brier:1d": brier_score_loss(y, p),
        "model:logitserve_expected_log_loss:1d": 0.3,
        "model:logitserve_expected_brier:1d": 0.1,
        "class:logitserve_feedback_auc:1d": roc_auc_score(y, bins),
        "class:logitserve_feedback_ece:1d": sum(apart) / len(y),
        "class:logitserve_feedback_slope:1d": LinearRegression().fit(p[:, None], y).coef_[0],
    }
    check(tmp_path, [found], [near(record, value, HOURS * 60) for record, value in expected.items()], 60)
    assert abs(roc_auc_score(y, bins) - roc_auc_score(y, p)) < 0.005  # so 20 bins are enough


def test_one_label_has_no_auc_and_no_slope(tmp_path: Path) -> None:
    """Nor has one class alone, or one probability for all; nothing is divided by zero."""
    found = [
        *ramp("feedback_total", 0, OF | {"predicted": "sick", "actual": "well"}),
        *ramp("feedback_total", 1, OF | {"predicted": "sick", "actual": "sick"}),
        *ramp("feedback_log_loss_total", 0.7, OF),
        *ramp("feedback_score_squares_total", 0.25, OF_CLASS),
    ]
    for place, (low, high) in enumerate(pairwise(f"{edge:.2g}" for edge in np.linspace(0, 1, BINS + 1))):
        for actual, count in (("true", 1), ("false", 0)):
            labels = OF_CLASS | {"actual": actual, "low": low, "high": high}
            found += ramp("feedback_scores_total", count * (place >= 10), labels)
            found += ramp("feedback_score_sum_total", count * 0.5 * (place == 10), labels)
    cases = [
        near("model:logitserve_feedback_log_loss:1d", 0.7, HOURS * 60),
        near("class:logitserve_feedback_ece:1d", 0.5, HOURS * 60),
        *(case(f"class:logitserve_feedback_{name}:1d", HOURS * 60, []) for name in ("auc", "slope")),
    ]
    check(tmp_path, [found], cases, 60)
