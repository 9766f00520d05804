"""The choice of a penalty beside scikit-learn's grid search, and what its folds keep apart."""

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.datasets import load_iris, load_wine
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline, make_union
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from models.inputs import Categorical, Input
from models.record import Choice
from training import penalty
from training.columns import Numbers
from training.config import Config
from training.errors import FitError
from training.penalty import STRENGTHS, Sample, choose, doubts, drawn, refitted
from training.prepare import prepare
from training.progress import Bar
from training.reference import inputs

TABLES = Path(__file__).with_name("tables")


def chosen(rows: Sample, weights: list[float] | None = None, **settings: object) -> tuple[float, Choice]:
    own = None if weights is None else torch.tensor(weights)
    return choose(Config(**settings), rows, own, torch.device("cpu"), Bar(quiet=True))


def of_run(tmp_path: Path, data: str, *, target: str | None = None, **settings: object) -> Sample:
    """The rows that a run would choose on."""
    config = Config(data=data, target=target, store=tmp_path, **settings)
    found = prepare(config, Bar(quiet=True))
    return Sample.of(config, found.dataset, found.inputs, found.rows["train"])


def sklearns(bunch: object, path: Path) -> str:
    frame = bunch.frame.assign(target=bunch.target_names[bunch.target])
    frame.to_csv(path, index=False)
    return str(path)


def sets(name: str, tmp_path: Path) -> Sample:
    if name == "breast-cancer":
        return of_run(tmp_path, name)
    if name == "gaps":
        return of_run(tmp_path, str(TABLES / "gaps.csv"), target="paid", keep=("age",))
    loader = {"iris": load_iris, "wine": load_wine}[name]
    return of_run(tmp_path, sklearns(loader(as_frame=True), tmp_path / f"{name}.csv"), target="target")


def columns(inputs: tuple[Input, ...]) -> ColumnTransformer:
    """scikit-learn's own columns of encoded rows."""
    parts = []
    for kind, gaps in itertools.product(("numeric", "boolean"), (False, True)):
        alike = [n for n, each in enumerate(inputs) if (each.kind, each.missing.admitted) == (kind, gaps)]
        imputer = SimpleImputer(strategy="median" if kind == "numeric" else "most_frequent")
        found = make_pipeline(imputer, StandardScaler())
        parts.append((make_union(found, MissingIndicator(features="all")) if gaps else found, alike))
    for place, item in enumerate(inputs):
        if isinstance(item, Categorical):
            count = len(item.categories)  # then come rare, unseen and missing ones
            codes = [*range(count + 1), count + 2]
            parts.append((OneHotEncoder(categories=[codes], handle_unknown="ignore"), [place]))
    return make_column_transformer(*parts)


def oracle(rows: Sample, weights: list[float] | None = None) -> GridSearchCV:
    """scikit-learn's grid search over the same folds, everything refitted in each."""
    own = None if weights is None else dict(enumerate(weights))
    model = LogisticRegression(solver="newton-cholesky", tol=1e-10, max_iter=1000, class_weight=own)

    def score(pipe: Pipeline, x: np.ndarray, y: np.ndarray) -> float:
        z = pipe.decision_function(x)  # its own log-loss cuts probabilities at 2e-16
        if z.ndim == 1:
            prior = 0 if weights is None else np.log(weights[1] / weights[0])
            z = np.column_stack([np.zeros_like(z), z - prior])
        return float((z[np.arange(len(y)), y] - np.logaddexp.reduce(z, axis=1)).mean())

    search = GridSearchCV(
        make_pipeline(columns(rows.inputs), model),
        {"logisticregression__C": STRENGTHS},
        scoring=score,
        cv=rows.folds(seed=0),
        refit=False,
        error_score="raise",
    )
    return search.fit(rows.raw.astype(np.float64), rows.y)


def check(rows: Sample, weights: list[float] | None = None) -> None:
    strength, choice = chosen(rows, weights)
    expected = oracle(rows, weights)
    means = -expected.cv_results_["mean_test_score"]
    errors = expected.cv_results_["std_test_score"] / np.sqrt(choice.folds - 1)
    np.testing.assert_allclose([tried.log_loss for tried in choice.path], means, rtol=0, atol=1e-6)
    np.testing.assert_allclose([tried.standard_error for tried in choice.path], errors, rtol=0, atol=1e-6)
    assert [tried.penalty for tried in choice.path] == list(STRENGTHS)
    assert strength == expected.best_params_["logisticregression__C"]
    assert doubts(strength, choice) == ()


@pytest.mark.parametrize("name", ["breast-cancer", "iris", "wine", "gaps"])
def test_it_is_the_choice_of_a_grid_search(name: str, tmp_path: Path) -> None:
    """Each mean and standard error, imputation and scaling refitted in each fold, and so the least."""
    check(sets(name, tmp_path))


def test_weights_of_classes_are_in_the_fits_and_not_in_the_scores(tmp_path: Path) -> None:
    """As in the version that is published."""
    check(sets("gaps", tmp_path), [3.0, 0.5])


def test_by_time_it_is_that_of_a_grid_search_too(tmp_path: Path) -> None:
    """Over folds that learn from what is earlier."""
    rows = of_run(tmp_path, str(TABLES / "gaps.csv"), target="paid", time="age")
    assert rows.in_time
    for learnt, scored in rows.folds(seed=0):
        assert rows.units[learnt].max() < rows.units[scored].min()
    check(rows)


def test_beyond_many_weights_lbfgs_finds_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From strength to strength it too begins where it was."""
    rows = sets("iris", tmp_path)
    expected, path = chosen(rows)
    monkeypatch.setattr(penalty, "NEWTON_WEIGHTS", 10)
    monkeypatch.setattr(penalty, "STRENGTHS", STRENGTHS[:-4])
    strength, found = chosen(rows)
    assert strength == expected
    for tried, exact in zip(found.path, path.path, strict=False):
        assert tried.log_loss == pytest.approx(exact.log_loss, abs=1e-6)


def clouds(rows: int = 300, apart: float = 1.0, seed: int = 0) -> Sample:
    """Two classes in two inputs, `apart` by so much."""
    draw = np.random.default_rng(seed)
    y = np.arange(rows) % 2
    values = draw.normal(y[:, None] * apart, 1.0, (rows, 2)).astype(np.float32)
    columns = [Numbers(name, values[:, place].astype(float)) for place, name in enumerate("ab")]
    described = inputs(columns, np.arange(rows), {})
    return Sample(described, ("no", "yes"), values, y, np.arange(rows), in_time=False)


def test_an_end_of_the_path_is_said() -> None:
    """What tells nothing takes the strongest, what separates the classes the weakest."""
    strength, choice = chosen(clouds(apart=0.0))
    assert strength == STRENGTHS[0]
    [said] = doubts(strength, choice)
    assert (
        said
        == "--penalty auto took 0.0001, the strongest that it tries: the inputs hardly tell the classes apart"
    )
    strength, choice = chosen(clouds(apart=30.0))
    assert strength == STRENGTHS[-1]
    [said] = doubts(strength, choice)
    assert said == "--penalty auto took 10000, the weakest that it tries: --penalty 100000, or none, goes on"
    assert doubts(STRENGTHS[3], choice) == doubts(2.0, None) == doubts(None, None) == ()


def test_a_class_that_a_fold_would_not_learn_is_named() -> None:
    """With its rows and what they are of, in a line, with exit 2."""
    rows = clouds()
    y = np.zeros(300, np.int64)
    y[:7] = 1
    units = np.r_[np.zeros(7, np.int64), np.arange(1, 294)]
    with pytest.raises(FitError) as caught:
        chosen(replace(rows, y=y, units=units))
    assert str(caught.value) == (
        "--penalty auto: of 300 train rows 7 are of class 'yes', in 1 of the units that stay together, and a "
        "fold leaves none to learn from; --penalty 1 needs no folds"
    )
    assert caught.value.exit_code == 2
    with pytest.raises(FitError, match="7 are of class 'yes', at 2 of the times, and a fold"):
        chosen(replace(rows, y=y[::-1].copy(), units=np.arange(300) // 7, in_time=True))


@pytest.mark.parametrize(
    ("in_time", "said"), [(False, "all train rows stay together"), (True, "2 different times")]
)
def test_too_few_units_are_no_folds(in_time: bool, said: str) -> None:
    """Said as the data's fault, with what helps."""
    rows = clouds()
    units = np.arange(300) // 150 if in_time else np.zeros(300, np.int64)
    with pytest.raises(FitError, match=f"--penalty auto: {said}.*--penalty 1 needs no folds"):
        chosen(replace(rows, units=units, in_time=in_time))


def test_of_many_rows_some_are_drawn_alike_in_their_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the seed."""
    monkeypatch.setattr(penalty, "MOST_ROWS", 100)
    y = (np.arange(1050) % 7 == 0).astype(np.int64)
    rows = drawn(y, 0)
    assert 90 < len(rows) <= 100
    assert abs(y[rows].mean() - y.mean()) < 0.01
    assert np.array_equal(rows, drawn(y, 0))
    assert not np.array_equal(rows, drawn(y, 1))
    assert np.array_equal(drawn(y[:100], 0), np.arange(100))


def test_the_same_rows_and_seed_give_the_same_bits() -> None:
    """Whatever the number of threads."""
    rows, threads = clouds(10_000), torch.get_num_threads()
    first = chosen(rows)
    torch.set_num_threads(threads + 1)
    try:
        assert chosen(rows) == first
    finally:
        torch.set_num_threads(threads)
    assert chosen(rows, seed=1) != first


def test_what_a_gap_counts_as_is_that_of_the_rows_that_are_learnt_from(tmp_path: Path) -> None:
    """The median as the whole fit takes it; the rest of an input stays."""
    rows = sets("gaps", tmp_path)
    assert refitted(rows.inputs, rows.raw) == rows.inputs
    some = refitted(rows.inputs, rows.raw[:10])
    gaps = [place for place, item in enumerate(rows.inputs) if item.missing.imputed_by is not None]
    assert gaps
    for place in gaps:
        values = rows.raw[:10, place]
        assert some[place].missing.imputed_by == np.float32(np.median(values[~np.isnan(values)]))
        assert some[place].reference == rows.inputs[place].reference
    nothing = refitted(rows.inputs, np.full_like(rows.raw, np.nan))
    assert {nothing[place].missing.imputed_by for place in gaps} == {0.0}
