"""The parts of a stratified split, beside scikit-learn's."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split

from training.strata import part


@settings(deadline=None)
@given(
    st.lists(st.integers(2, 60), min_size=2, max_size=6),
    st.sampled_from([0.4, 0.5]),
    st.integers(0, 2**32 - 1),
)
def test_the_parts_are_those_of_scikit_learn(counts: list[int], share: float, seed: int) -> None:
    """The same seed gives the same rows in the same order, whatever the classes and the ties between them."""
    y = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    if share * len(y) < len(counts):
        return  # scikit-learn refuses a part that lacks a class
    expected = train_test_split(np.arange(len(y)), test_size=share, stratify=y, random_state=seed)
    for rows, wanted in zip(part(y, share, seed), expected, strict=True):
        np.testing.assert_array_equal(rows, wanted)
