"""Calibration against direct optimisers and scikit-learn."""

import numpy as np
import pytest
from scipy.optimize import minimize, minimize_scalar
from sklearn.calibration import _sigmoid_calibration
from sklearn.linear_model import LogisticRegression

from training.calibrate import NONE, Line, choose, losses, platt, temperature
from training.errors import SettingError


def sample(
    rows: int, slope: float = 1.0, offset: float = 0.0, classes: int = 2, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return logits whose calibration is `slope` and `offset`, and classes drawn from them."""
    generator = np.random.default_rng(seed)
    true = generator.normal(0, 2, (rows, 1 if classes == 2 else classes))
    wide = np.pad(true, ((0, 0), (1, 0))) if classes == 2 else true
    y = (wide + generator.gumbel(size=wide.shape)).argmax(1)
    return (true - offset) / slope, y


@pytest.mark.parametrize(("slope", "offset"), [(1.0, 0.0), (0.4, 1.0), (30.0, -3.0), (1e-6, 0.0)])
def test_platt_is_that_of_scikit_learn(slope: float, offset: float) -> None:
    """What scikit-learn fits, with Platt's targets, has the same slope and offset but for the sign."""
    logits, y = sample(300, slope, offset)
    a, b = _sigmoid_calibration(logits[:, 0], y)
    assert platt(logits, y) == pytest.approx((-a, -b), rel=1e-3, abs=1e-3)


def test_platt_is_the_minimum_of_its_smoothed_loss() -> None:
    """A direct optimiser of Platt's formula finds nothing lower."""
    logits, y = sample(100)
    positives, negatives = (y == 1).sum(), (y == 0).sum()
    targets = np.where(y == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))

    def loss(w: np.ndarray) -> float:
        z = logits[:, 0] * w[0] + w[1]
        return float((np.logaddexp(0, z) - targets * z).mean())

    wanted = minimize(loss, [1.0, 0.0], tol=1e-12, options={"gtol": 1e-9})
    assert platt(logits, y) == pytest.approx(wanted.x, abs=1e-5)


def test_rows_that_are_all_told_apart_have_a_finite_slope() -> None:
    """The smoothed targets see to it; without them there is none, as for a temperature."""
    logits, y = np.linspace(-3, 3, 40)[:, None], np.repeat([0, 1], 20)
    assert 0 < platt(logits, y).slope < 10
    with pytest.raises(SettingError, match="--calibrate=temperature: the validation rows are told apart"):
        choose("temperature", logits, y, 0)


@pytest.mark.parametrize(("classes", "slope"), [(2, 0.5), (2, 2.0), (3, 0.2), (5, 3.0)])
def test_a_temperature_is_the_minimum_of_the_loss(classes: int, slope: float) -> None:
    """A bounded search over the slope by scipy finds nothing lower."""
    logits, y = sample(400, slope, classes=classes)
    wanted = minimize_scalar(
        lambda a: losses(logits * a, y).mean(), bounds=(0.01, 100), options={"xatol": 1e-9}
    )
    assert temperature(logits, y) == (pytest.approx(wanted.x, rel=1e-5), 0.0)


def test_losses_are_those_of_the_softmax() -> None:
    """Of one logit it is the sigmoid's, however large."""
    logits, y = sample(50, classes=3)
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    np.testing.assert_allclose(losses(logits, y), -np.log(p[np.arange(50), y]))
    assert losses(np.array([[1e18], [-1e18]]), np.array([1, 1])).tolist() == [0, 1e18]


@pytest.mark.parametrize("kind", ["platt", "temperature"])
def test_a_kind_is_fitted_and_judged_on_other_rows(kind: str) -> None:
    """Its loss is cross-validated: nearer to the truth's than before, and above the loss on its own rows."""
    logits, y = sample(500, 0.3)
    found, line = choose(kind, logits, y, 0)
    assert found.kind == kind
    assert found.parameters["slope"] == line.slope == pytest.approx(0.3, rel=0.3)
    assert found.parameters.get("offset", 0) == line.offset
    assert found.log_loss is not None
    assert found.log_loss.before == pytest.approx(losses(logits, y).mean())
    assert losses(line.of(logits), y).mean() < found.log_loss.after < found.log_loss.before


def test_auto_leaves_what_is_calibrated() -> None:
    """No gain beyond one standard error is no reason to touch a model."""
    kinds = [choose("auto", *sample(300, seed=seed), seed)[0].kind for seed in range(20)]
    assert kinds.count("none") >= 15
    assert choose("auto", *sample(300, seed=kinds.index("none")), kinds.index("none")) == (NONE, Line(1.0))


@pytest.mark.parametrize("classes", [2, 3])
def test_auto_leaves_what_has_few_rows(classes: int) -> None:
    """Under 20 outside the commonest class it takes nothing, whatever that gains; from there on it may."""
    logits, y = sample(1_000, 0.3, classes=classes)
    common = int(np.bincount(y).argmax())
    others = np.flatnonzero(y != common)[:20]
    rows = np.concatenate([others, np.flatnonzero(y == common)])
    assert choose("auto", logits[rows[1:]], y[rows[1:]], 0) == (NONE, Line(1.0))
    assert choose("temperature", logits[rows[1:]], y[rows[1:]], 0)[0].kind == "temperature"
    assert choose("auto", logits[rows], y[rows], 0)[0].kind != "none"


@pytest.mark.parametrize("rows", [24, 50, 100])
def test_auto_costs_calibrated_scores_little(rows: int) -> None:
    """Of 100 small samples it touches few, and on fresh rows the loss rises by less than 0.01 on average."""
    fresh, labels = sample(20_000, seed=1_000)
    lines = [choose("auto", *sample(rows, seed=seed), seed)[1] for seed in range(100)]
    costs = [(losses(line.of(fresh), labels) - losses(fresh, labels)).mean() for line in lines]
    assert sum(line != Line(1.0) for line in lines) <= 10
    assert np.mean(costs) < 0.01


@pytest.mark.parametrize(
    ("slope", "offset", "classes", "wanted"),
    [(0.3, 0.0, 2, {"platt", "temperature"}), (1.0, 2.0, 2, {"platt"}), (0.3, 0.0, 3, {"temperature"})],
)
def test_auto_mends_what_is_not(slope: float, offset: float, classes: int, wanted: set[str]) -> None:
    """A shift takes Platt's offset; more than two classes have a temperature only."""
    assert choose("auto", *sample(1_000, slope, offset, classes), 0)[0].kind in wanted


@pytest.mark.parametrize("kind", ["platt", "temperature"])
def test_a_ranking_is_never_turned_over(kind: str) -> None:
    """Logits of the wrong sign are refused; auto leaves them."""
    logits, y = sample(300)
    with pytest.raises(SettingError, match=f"--calibrate={kind}: no slope above 0"):
        choose(kind, -logits, y, 0)
    assert choose("auto", -logits, y, 0)[0].kind == "none"


def test_a_class_with_few_rows_is_refused() -> None:
    """Each fold wants one of each; auto leaves it."""
    logits, y = sample(300)
    y[:], y[:4] = 0, 1
    with pytest.raises(
        SettingError, match="--calibrate=platt: wanted 5 validation rows of each class at least"
    ):
        choose("platt", logits, y, 0)
    assert choose("auto", logits, y, 0)[0].kind == "none"


def test_equal_logits_tell_nothing() -> None:
    """There is no slope, and no failure in looking for one."""
    with pytest.raises(SettingError, match="no slope above 0"):
        choose("platt", np.full((20, 1), 0.7), np.arange(20) % 2, 0)


def test_the_unsmoothed_limit_is_a_logistic_regression() -> None:
    """With many rows the targets hardly matter: slope and offset are those of an unpenalised fit."""
    logits, y = sample(20_000, 0.5, 1.0)
    fitted = LogisticRegression(C=np.inf, tol=1e-8).fit(logits, y)
    assert platt(logits, y) == pytest.approx((fitted.coef_[0, 0], fitted.intercept_[0]), abs=2e-3)
