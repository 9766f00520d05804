"""Design columns: beside scikit-learn's, and back to raw inputs."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from models.encode import Encoder, by_column
from models.inputs import Input
from models.weights import Weights
from training import design as designs
from training import reference
from training.columns import MISSING, Categories, Column, Numbers, Truths

ROWS = 120
TRAIN = np.arange(80)


def encoded(columns: Sequence[Column], inputs: Sequence[Input]) -> np.ndarray:
    """Return all rows as the module takes them, float32 [rows, inputs]."""
    pairs = zip(columns, inputs, strict=True)
    return np.stack([designs.encode(column, item) for column, item in pairs], 1).astype(np.float32)


@pytest.fixture(scope="module")
def columns() -> tuple[Numbers, Numbers, Truths, Categories]:
    """Numbers without and with gaps, truths with gaps, and cities, of which one is rare and one unseen."""
    random = np.random.default_rng(1)
    gaps = np.where(random.random(ROWS) < 0.2, np.nan, random.normal(50, 20, ROWS).astype(np.float32))
    truths = random.integers(-1, 2, ROWS).astype(np.int8)
    cities = random.integers(MISSING, 3, ROWS)
    cities[:5], cities[100:110] = 3, 4
    return (
        Numbers("age", random.normal(size=ROWS).astype(np.float32).astype(np.float64)),
        Numbers("income", gaps),
        Truths("owner", truths, {"yes": True, "no": False}),
        Categories("city", ("Bern", "Graz", "Lyon", "Rare", "Unseen"), cities),
    )


def test_encoding_is_the_services(columns: tuple[Numbers, Numbers, Truths, Categories]) -> None:
    """A whole column at once gives what the cells of its rows give."""
    inputs = reference.inputs(columns, TRAIN, {})
    cells = [[column.cell(row) for column in columns] for row in range(ROWS)]
    np.testing.assert_array_equal(encoded(columns, inputs), Encoder(inputs).encode(by_column(cells)))


def test_the_columns_are_scikit_learns(columns: tuple[Numbers, Numbers, Truths, Categories]) -> None:
    """Median and indicator, the commoner truth and indicator, scaling, a column a category."""
    inputs = reference.inputs(columns, TRAIN, {})
    raw = encoded(columns, inputs)[TRAIN]
    found = designs.make(inputs, raw.T).matrix(raw.T)
    frame = pd.DataFrame({column.name: [column.cell(row) for row in TRAIN] for column in columns})
    frame["owner"] = frame["owner"].astype(float)
    frame["city"] = frame["city"].fillna("missing").replace({"Rare": "rare"})
    frame.loc[frame["city"] == "rare", "city"] = "middle"  # between "Lyon" and "missing", as here
    numeric = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    truth = make_pipeline(SimpleImputer(strategy="most_frequent"), StandardScaler())
    expected = ColumnTransformer(
        [
            ("age", numeric, ["age"]),
            ("income", numeric, ["income"]),
            ("gap", MissingIndicator(), ["income"]),
            ("owner", truth, ["owner"]),
            ("unknown", MissingIndicator(), ["owner"]),
            ("city", OneHotEncoder(sparse_output=False), ["city"]),
        ]
    ).fit_transform(frame)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    with_ones = designs.make(inputs, raw.T).matrix(raw.T, ones=True)
    np.testing.assert_array_equal(with_ones, np.column_stack([found, np.ones(len(raw))]))


@pytest.mark.parametrize("k", [1, 3])
def test_weights_lead_back_to_raw_inputs(
    columns: tuple[Numbers, Numbers, Truths, Categories], k: int
) -> None:
    """The served weights give the fit's logits for every row: known, rare, unseen and missing cells."""
    inputs = reference.inputs(columns, TRAIN, {})
    raw = encoded(columns, inputs)
    design = designs.make(inputs, raw[TRAIN].T)
    random = np.random.default_rng(k)
    weight, bias = random.normal(size=(k, len(design.columns))), random.normal(size=k)
    tensors = design.weights(weight, bias)
    served = Weights(
        **{name: each.astype(each.dtype if name == "base" else np.float64) for name, each in tensors.items()}
    )
    np.testing.assert_allclose(served.logits(raw), design.matrix(raw.T) @ weight.T + bias, rtol=0, atol=1e-4)
    unseen = [row for row in range(100, 110) if columns[3].codes[row] == 4]
    assert (raw[unseen, 3] == len(inputs[3].categories) + 1).all()


def test_without_rare_categories_an_unseen_one_adds_nothing() -> None:
    """It is no column of the fit."""
    column = Categories("city", ("Bern", "Graz", "Rome"), np.array([0, 1] * 40 + [2]))
    inputs = reference.inputs([column], TRAIN, {})
    raw = encoded([column], inputs)
    design = designs.make(inputs, raw[TRAIN].T)
    assert design.columns == ["city = Bern", "city = Graz"]
    assert design.matrix(raw.T)[-1].tolist() == [0, 0]
    assert design.weights(np.ones((1, 2)), np.zeros(1))["table"].tolist() == [[1, 1, 0, 0, 0]]


@pytest.mark.parametrize("value", [0.0, 0.1, -1e30, 3e38, 1e-45])
def test_a_column_that_is_constant_in_train_is_left_as_it_is(value: float) -> None:
    """However its mean rounds, nothing is divided by 0."""
    column = Numbers("same", np.full(ROWS, np.float32(value), np.float64))
    inputs = reference.inputs([column], TRAIN, {})
    raw = encoded([column], inputs)
    design = designs.make(inputs, raw[TRAIN].T)
    assert design.scale.tolist() == [1]
    assert np.isfinite(design.matrix(raw.T)).all()
