"""The data sets: the built-in ones, the checks and the split."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_breast_cancer

from training.dataset import Dataset, Split, index_labels, load, split
from training.errors import DataError


def test_breast_cancer_is_the_default_of_the_lecture() -> None:
    """569 rows of 30 inputs, values and names as scikit-learn has them, in two classes by name."""
    dataset, expected = load("breast-cancer", None), load_breast_cancer()
    assert dataset.rows.x.shape == (569, 30)
    np.testing.assert_array_equal(dataset.rows.x, expected.data.astype(np.float32))
    assert dataset.inputs == tuple(expected.feature_names)
    assert (dataset.target, dataset.classes) == ("diagnosis", ("benign", "malignant"))
    labels = np.array(dataset.classes)[dataset.rows.y]
    np.testing.assert_array_equal(labels, expected.target_names[expected.target])


def test_toy_is_a_hundred_points_that_a_line_separates() -> None:
    """Two inputs, two classes of 50, and the lecture's line x1 + x2 = 0 tells them apart."""
    dataset = load("toy", None)
    assert dataset.rows.x.shape == (100, 2)
    assert np.bincount(dataset.rows.y).tolist() == [50, 50]
    np.testing.assert_array_equal(dataset.rows.x.sum(1) > 0, dataset.rows.y == 1)


@pytest.mark.parametrize(
    ("name", "sha256"),
    [
        ("breast-cancer", "75ccba33a66490b9561f622155bef455960eb1d6e3bad4e6daee79e30d8402cc"),
        ("toy", "0db050807f21c62ea8f2898f32ba0a843dd3819ec8e1d60b657d3d3cf92e6682"),
    ],
)
def test_built_in_bytes_are_frozen(name: str, sha256: str) -> None:
    """A built-in set that changes with a library would change every model: its digest is pinned."""
    assert load(name, None).sha256 == sha256


def test_a_file_is_known_by_its_bytes(iris_csv: Path) -> None:
    """A file's source is its name without its folder, its digest the sha256 of its bytes."""
    dataset = load(str(iris_csv), "species")
    assert (dataset.source, dataset.target) == (iris_csv.name, "species")
    assert dataset.sha256 == hashlib.sha256(iris_csv.read_bytes()).hexdigest()
    assert dataset.classes == ("setosa", "versicolor", "virginica")
    assert dataset.rows.x.shape == (150, 4)


def test_classes_are_sorted_as_text() -> None:
    """Labels index the sorted classes, and numbers sort as text, as the manifest demands."""
    classes, y = index_labels("t", "y", ["9", "10"] * 10)
    assert classes == ("10", "9")
    assert y.tolist() == [1, 0] * 10


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (["a"] * 30, "'y' is 'a' in every row; wanted two classes or more"),
        (["a"] * 30 + ["b"] * 9, "too few rows of 'y' = 'b': 9, wanted at least 10"),
    ],
)
def test_rows_that_cannot_be_learnt_from_are_refused(labels: list[str], reason: str) -> None:
    """One class only, or too few rows of one to split, is an error with the number that is needed."""
    with pytest.raises(DataError, match=reason):
        index_labels("t.csv", "y", labels)


@settings(max_examples=50)
@given(st.lists(st.integers(10, 400), min_size=2, max_size=6), st.integers(0, 2**32 - 1))
def test_every_split_has_every_class(counts: list[int], seed: int) -> None:
    """From 10 rows a class on, the splits are disjoint, complete, 60/20/20, and none lacks a class."""
    y = np.repeat(np.arange(len(counts)), counts)
    x = np.arange(len(y), dtype=np.float32)[:, None]
    classes = tuple(map(str, range(len(counts))))
    splits = split(Dataset("s", "0" * 64, "y", ("a",), classes, Split(x, y)), seed)
    rows = np.concatenate([part.x[:, 0] for part in splits.values()])
    np.testing.assert_array_equal(np.sort(rows), x[:, 0])
    for name, share in {"train": 0.6, "validation": 0.2, "test": 0.2}.items():
        part = splits[name]
        assert abs(len(part.y) - share * len(y)) <= 1.5
        found = np.bincount(part.y, minlength=len(counts))
        assert (found >= 1).all()
        assert (np.abs(found - share * np.array(counts)) <= 2).all()


def test_the_seed_makes_the_split() -> None:
    """The same seed gives the same rows in the same order, another one gives others."""
    dataset = load("toy", None)
    first, again, other = split(dataset, 1), split(dataset, 1), split(dataset, 2)
    np.testing.assert_array_equal(first["test"].x, again["test"].x)
    assert not np.array_equal(first["test"].x, other["test"].x)
