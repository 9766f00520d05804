"""An input that is the answer is named, an honest one is not."""

import numpy as np
import pytest
from sklearn.datasets import load_iris

from training import design as designs
from training import leakage, reference
from training.columns import Categories, Column, Numbers
from training.rows import Rows


def named(columns: list[Column], y: np.ndarray, classes: int) -> list[str]:
    """Return what is named, with every fourth row held out."""
    held = np.arange(len(y)) % 4 == 0
    train = np.flatnonzero(~held)
    inputs = reference.inputs(columns, train, {})
    raw = [
        designs.encode(column, item).astype(np.float32) for column, item in zip(columns, inputs, strict=True)
    ]
    parts = [Rows(tuple(each[own] for each in raw), y[own]) for own in (~held, held)]
    found = leakage.leaks(designs.make(inputs, parts[0].columns), *parts, classes)
    return [name for name, _ in found]


@pytest.mark.parametrize("classes", [2, 3])
def test_the_answer_itself_is_named(classes: int) -> None:
    """As a text, and as a number."""
    y = np.random.default_rng(0).integers(0, classes, 400)
    noise = np.random.default_rng(1).normal(size=400)
    columns: list[Column] = [
        Categories("closed as", ("a", "b", "c")[:classes], y),
        Numbers("noise", noise),
        Numbers("code", 10.0 * y + 0.01 * noise),
    ]
    assert named(columns, y, classes) == ["closed as", "code"]


def test_an_honest_input_is_not() -> None:
    """One of iris alone removes most of the baseline's log-loss, and honestly."""
    bunch = load_iris()
    columns: list[Column] = [Numbers(str(place), column) for place, column in enumerate(bunch.data.T)]
    assert named(columns, bunch.target, 3) == []


def test_a_file_that_is_sorted_by_the_answer_is_no_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows that are looked at are drawn."""
    monkeypatch.setattr(leakage, "MOST_ROWS", 100)
    y = np.repeat([0, 1], 300)
    assert named([Numbers("code", y + 0.001 * np.arange(600))], y, 2) == ["code"]
