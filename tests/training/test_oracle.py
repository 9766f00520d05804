"""Published models beside scikit-learn's pipeline, on tables as pandas writes them, index and all."""

import io
import json
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from models.encode import Encoder, by_column
from models.inputs import Categorical
from models.repository import Artifact, Repository
from training import builtin
from training.__main__ import main
from training.config import load
from training.dataset import Dataset
from training.prepare import prepare
from training.progress import Bar

NOTHING = "(none)"
"""What scikit-learn's encoder is told of a missing category."""


class Table(NamedTuple):
    """A frame whose last column is the target, the flags of the run, C, and weights of two classes."""

    frame: pd.DataFrame
    flags: tuple[str, ...] = ()
    c: float = 1.0
    weights: tuple[float, float] | None = None


def default() -> Table:
    """The built-in set, from scikit-learn's own copy."""
    bunch = load_breast_cancer(as_frame=True)
    return Table(bunch.data.assign(diagnosis=bunch.target_names[bunch.target]))


def toy() -> Table:
    given = builtin.load("toy")
    frame = pd.DataFrame(given.rows, columns=given.names).astype(float)
    return Table(frame.assign(**{given.target: given.labels}))


def named(bunch: Any, **options: Any) -> Table:
    return Table(bunch.frame.assign(target=[f"kind {label}" for label in bunch.target]), **options)


def imbalanced() -> Table:
    """One positive among thirty."""
    draw = np.random.default_rng(1)
    x = draw.normal(size=(3000, 5)) * [1, 10, 0.1, 1000, 1] + [0, 5, 0, -300, 1]
    odds = np.exp(-4.5 + 1.2 * x[:, 0] + 0.1 * x[:, 1])
    fraud = np.where(draw.random(3000) < odds / (1 + odds), "fraud", "fair")
    return Table(pd.DataFrame(x, columns=list("vwxyz")).round(4).assign(label=fraud))


def passengers() -> Table:
    """Text, truths, gaps in all of them, names that are all different, and a rare port."""
    draw = np.random.default_rng(2)
    rows = 900
    sex, grade = draw.choice(["female", "male"], rows), draw.integers(1, 4, rows)
    age = np.where(draw.random(rows) < 0.2, np.nan, draw.gamma(6, 5, rows).round(1))
    z = 1.2 - 2.2 * (sex == "male") - 0.6 * (grade - 2) - 0.02 * np.nan_to_num(age, nan=30)
    ports = draw.choice(["Southampton", "Cherbourg", "Queenstown", None], rows, p=[0.6, 0.2, 0.1, 0.1])
    ports[:6] = "Belfast"
    frame = pd.DataFrame(
        {
            "class": grade,
            "name": [f"passenger {number}" for number in range(rows)],
            "sex": sex,
            "age": age,
            "relatives": draw.poisson(0.5, rows),
            "fare": draw.gamma(2, 15, rows).round(4),
            "alone": pd.array(draw.random(rows) < 0.6, "boolean"),
            "port": ports,
            "survived": (draw.random(rows) < 1 / (1 + np.exp(-z))).astype(int),
        }
    )
    frame.loc[draw.random(rows) < 0.1, "alone"] = pd.NA
    return Table(frame, ("--categorical", "class"), c=0.3)


def penguins() -> Table:
    """Three classes, text with gaps, and numbers that are missing together."""
    draw = np.random.default_rng(3)
    rows = 344
    species = draw.integers(0, 3, rows)
    bill = draw.normal(np.array([38.8, 48.8, 47.5])[species], 3).round(1)
    mass = draw.normal(np.array([3700, 3733, 5076])[species], 450).round()
    lost = draw.random(rows) < 0.06
    frame = pd.DataFrame(
        {
            "island": np.array(["Torgersen", "Biscoe", "Dream"])[(species + (draw.random(rows) < 0.3)) % 3],
            "bill length (mm)": np.where(lost, np.nan, bill),
            "body mass (g)": np.where(lost, np.nan, mass),
            "sex": draw.choice(["female", "male", None], rows, p=[0.47, 0.47, 0.06]),
            "year": draw.integers(2007, 2010, rows),
            "species": np.array(["Adelie", "Chinstrap", "Gentoo"])[species],
        }
    )
    return Table(frame)


TABLES = {
    "iris": lambda: named(load_iris(as_frame=True)),
    "wine": lambda: named(load_wine(as_frame=True), c=0.1),
    "digits": lambda: named(load_digits(as_frame=True)),
    "imbalanced": imbalanced,
    "passengers": passengers,
    "penguins": penguins,
}


def published(table: Table, tmp_path: Path, data: str) -> tuple[Artifact, Dataset]:
    """Train by the command; return what it published, and the rows as it split them."""
    arguments = ["--data", data, *table.flags, "--penalty", str(table.c), "--store", str(tmp_path / "store")]
    if data.endswith(".csv"):
        table.frame.to_csv(data)
        arguments += ["--target", table.frame.columns[-1]]
    for label, weight in zip(
        sorted(set(map(str, table.frame.iloc[:, -1]))), table.weights or (), strict=False
    ):
        arguments += ["--class-weight", f"{label}={weight}"]
    assert main([*arguments, "--name", "model", "--quiet"]) == 0
    dataset = prepare(load(arguments), Bar(quiet=True)).dataset
    return Repository(tmp_path / "store").resolve("model"), dataset


def answers(artifact: Artifact, dataset: Dataset) -> np.ndarray:
    """Return the published module's probabilities of the test rows, sent as cells."""
    cells = [[column.cell(row) for column in dataset.columns] for row in dataset.parts["test"].tolist()]
    rows = Encoder(artifact.manifest.inputs).encode(by_column(cells))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        module = torch.jit.load(io.BytesIO(artifact.read("model.pt")))
    return module(torch.from_numpy(rows)).numpy()


def coefficients(artifact: Artifact) -> dict[str, list[float]]:
    """Return the fit's weights of each column by scikit-learn's name of it, the intercept's last."""
    told = json.loads(artifact.read("evaluation.json"))["coefficients"]
    found = {each["column"]: each["value"] for each in told}
    names = {}
    for item in artifact.manifest.inputs:
        name, gaps = item.name, item.missing.admitted
        if isinstance(item, Categorical):
            names |= {f"{name} = {each}": f"{name}__{name}_{each}" for each in item.categories}
            names |= {f"{name} is rare": f"{name}__{name}_infrequent_sklearn"}
            names |= {f"{name} is missing": f"{name}__{name}_{NOTHING}"}
        else:
            names[name] = f"{name}__value__{name}" if gaps else f"{name}__{name}"
            names[f"{name} is missing"] = f"{name}__missing__missingindicator_{name}"
    intercept = found.pop("intercept")
    return {names[column]: value for column, value in found.items()} | {"intercept": intercept}


def oracle(artifact: Artifact, c: float) -> Pipeline:
    """Return scikit-learn's pipeline for the inputs: the kinds are ours, everything else is its own."""
    parts = []
    for item in artifact.manifest.inputs:
        if isinstance(item, Categorical):
            encoder = OneHotEncoder(
                min_frequency=10, max_categories=101, handle_unknown="infrequent_if_exist"
            )
            parts.append((item.name, encoder, [item.name]))
            continue
        imputer = SimpleImputer(strategy="median" if item.kind == "numeric" else "most_frequent")
        found = make_pipeline(imputer, StandardScaler())
        if item.missing.admitted:
            found = FeatureUnion([("value", found), ("missing", MissingIndicator(features="all"))])
        parts.append((item.name, found, [item.name]))
    model = LogisticRegression(C=c, solver="newton-cholesky", tol=1e-10, max_iter=1000)
    return make_pipeline(ColumnTransformer(parts), model)


def check(table: Table, tmp_path: Path, data: str) -> None:
    artifact, dataset = published(table, tmp_path, data)
    names = [item.name for item in artifact.manifest.inputs]
    frame = table.frame[names].copy()
    for item in artifact.manifest.inputs:
        if isinstance(item, Categorical):
            frame[item.name] = frame[item.name].astype(object).where(frame[item.name].notna(), NOTHING)
        else:
            frame[item.name] = frame[item.name].astype("Float64").to_numpy(np.float64, na_value=np.nan)
    labels = table.frame.iloc[:, -1].astype(str).to_numpy()
    train, test = dataset.parts["train"], dataset.parts["test"]
    first, last = table.weights or (1.0, 1.0)
    own = np.where(labels[train] == artifact.manifest.classes[-1], last, first)
    pipe = oracle(artifact, table.c).fit(
        frame.iloc[train], labels[train], logisticregression__sample_weight=own
    )
    model = pipe[-1]
    model.intercept_ = model.intercept_ - np.log(
        last / first
    )  # served are probabilities of the data as they are
    told = coefficients(artifact)
    columns = [*pipe[:-1].get_feature_names_out(), "intercept"]
    assert sorted(told) == sorted(columns)
    exact = np.column_stack([model.coef_, model.intercept_])
    np.testing.assert_allclose(np.array([told[name] for name in columns]).T, exact, rtol=0, atol=1e-4)
    expected = pipe.predict_proba(frame.iloc[test])
    found = answers(artifact, dataset)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    scored = (slice(None), 1) if len(artifact.manifest.classes) == 2 else ...
    areas = [roc_auc_score(labels[test], p[scored], multi_class="ovr") for p in (found, expected)]
    assert areas[0] == pytest.approx(areas[1], abs=0.005)
    assert artifact.manifest.metrics["test"].roc_auc == pytest.approx(areas[0], abs=1e-6)


def test_the_default_is_scikit_learns(tmp_path: Path) -> None:
    """The built-in set and the flags as they are."""
    check(default(), tmp_path, "breast-cancer")


def test_the_toy_is_scikit_learns(tmp_path: Path) -> None:
    """The lecture's exercise, without the lecture's loop."""
    check(toy(), tmp_path, "toy")


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_scikit_learns(name: str, tmp_path: Path) -> None:
    """The same weights, and probabilities of rows that neither saw, rare and unseen categories among them."""
    check(TABLES[name](), tmp_path, str(tmp_path / f"{name}.csv"))
    left_out = Repository(tmp_path / "store").resolve("model").manifest.left_out
    assert left_out[0].reason == "the index that pandas writes"


@pytest.mark.parametrize("weights", [(1.0, 4.0), (0.3, 0.1)])
def test_weights_of_classes_are_scikit_learns(weights: tuple[float, float], tmp_path: Path) -> None:
    """In the fit; the answers are those of the classes as often as they are."""
    check(default()._replace(weights=weights), tmp_path, "breast-cancer")
    table = passengers()._replace(weights=weights)
    (tmp_path / "other").mkdir()
    check(table, tmp_path / "other", str(tmp_path / "passengers.csv"))
