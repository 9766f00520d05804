"""The weights as NumPy computes with them: the formula of each format, by hand."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from models.errors import StoreError
from models.manifest import Manifest
from models.weights import Weights, bases, probabilities, read, shapes

TENSORS: dict[str, NDArray[Any]] = {
    "mean": np.array([3.5, 0, 0], np.float32),
    "slope": np.array([[0.5, 1, 0]], np.float32),
    "missing": np.array([[0.25, -0.5, 0]], np.float32),
    "base": np.array([-1, -1, 0]),
    "table": np.array([[1, 2, 3, 4, 5]], np.float32),
    "bias": np.array([-0.25], np.float32),
}


@pytest.fixture
def manifest(frozen: Path) -> Manifest:
    """A number, a truth and a category of five places."""
    return Manifest.from_json(frozen.read_bytes())


@pytest.fixture
def weights(manifest: Manifest) -> Weights:
    """What the tensors say."""
    return read(manifest, TENSORS)


def test_each_input_adds_what_its_kind_says(weights: Weights) -> None:
    """Slope times what is above the mean, the constant of a missing one, the table's entry of a code."""
    rows = np.array([[5.5, 1, 0], [np.nan, np.nan, 4]], np.float32)
    assert weights.contributions(rows).tolist() == [[[1, 1, 1]], [[0.25, -0.5, 5]]]
    assert weights.logits(rows).tolist() == [[2.75], [4.5]]


def test_what_a_number_adds_is_exact_however_far_it_is(weights: Weights) -> None:
    """float64 holds what any float32 adds."""
    furthest = float(np.finfo(np.float32).max)
    rows = np.array([[furthest, 0, 0], [-furthest, 0, 0]], np.float32)
    expected = [(each - weights.mean[0]) * weights.slope[0, 0] for each in (furthest, -furthest)]
    assert weights.contributions(rows)[:, 0, 0].tolist() == expected
    assert np.isfinite(expected).all()


def test_the_first_format_scales_by_the_deviation(frozen_first: Path) -> None:
    """Its weight is of standardised inputs."""
    old = Manifest.from_json(frozen_first.read_bytes())
    tensors = {
        "mean": np.array([1, 2], np.float32),
        "scale": np.array([2, 4], np.float32),
        "linear.weight": np.array([[6, 8]], np.float32),
        "linear.bias": np.array([0.5], np.float32),
    }
    weights = read(old, tensors)
    assert weights.contributions(np.array([[3, 6]], np.float32)).tolist() == [[[6, 8]]]
    assert weights.bias.tolist() == [0.5]


@pytest.mark.parametrize("name", TENSORS)
def test_other_tensors_than_the_manifests_are_refused(manifest: Manifest, name: str) -> None:
    """One that is missing, one of another shape, one that is not known."""
    for wrong in (
        {other: value for other, value in TENSORS.items() if other != name},
        TENSORS | {name: TENSORS[name][..., :-1]},
        TENSORS | {"scale": TENSORS["mean"]},
    ):
        with pytest.raises(
            StoreError, match=r"^tiny/3/model\.safetensors: wanted mean \[3\], .*table \[1, 5\]"
        ):
            read(manifest, wrong)


def test_codes_begin_where_the_inputs_say(manifest: Manifest) -> None:
    """Each categorical input has its part of the table, in the inputs' order."""
    number, _, city = manifest.inputs
    inputs = (city, number, city.model_copy(update={"name": "other"}))
    assert bases(inputs).tolist() == [0, -1, 5]
    two = manifest.model_copy(update={"inputs": inputs, "classes": ("a", "b", "c")})
    assert shapes(two)["table"] == (3, 10)
    with pytest.raises(StoreError, match="base is not the inputs'"):
        read(manifest, TENSORS | {"base": np.array([-1, 0, -1])})


@given(arrays(np.float64, st.tuples(st.integers(1, 4), st.integers(1, 4)), elements=st.floats(-300, 300)))
def test_probabilities_sum_to_one_and_keep_their_ratios(logits: NDArray[np.float64]) -> None:
    """One logit is the last of two classes', and the first one's is 0."""
    found = probabilities(logits)
    padded = np.pad(logits, ((0, 0), (1, 0))) if logits.shape[1] == 1 else logits
    assert found.shape == padded.shape
    assert found.sum(1) == pytest.approx(1)
    assert np.log(found[:, -1]) - np.log(found[:, 0]) == pytest.approx(padded[:, -1] - padded[:, 0], abs=1e-9)
