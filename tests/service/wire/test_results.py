"""Results come out of a batch as they went in, as tuples and as arrays."""

import numpy as np
import pytest

from models.decision import logit_count
from service.wire.results import Results, pack_results

ROWS, INPUTS = 5, 3


@pytest.mark.parametrize("classes", [2, 3, 4])
def test_each_call_gets_its_own_rows_of_a_batch(classes: int) -> None:
    """Its first row may be any; both forms have the same numbers, in the model's own precision."""
    random = np.random.default_rng(0)
    k = logit_count(classes)
    probabilities = random.random((ROWS, classes), np.float32)
    intercept, contributions = random.normal(size=k), random.normal(size=(ROWS, k, INPUTS))
    results = Results(pack_results(probabilities, intercept, contributions), ROWS, classes, INPUTS)
    for first in range(ROWS):
        for rows in range(1, ROWS - first + 1):
            mine = slice(first, first + rows)
            assert list(results.probabilities(first, rows)) == [*map(tuple, probabilities[mine].tolist())]
            np.testing.assert_array_equal(results.probabilities_array(first, rows), probabilities[mine])
            found = results.explanation_arrays(first, rows)
            np.testing.assert_array_equal(found["intercept"], np.tile(intercept, (rows, 1)))
            np.testing.assert_array_equal(found["contributions"], contributions[mine])
            np.testing.assert_allclose(found["logit"], intercept + contributions[mine].sum(2))
        told = np.reshape(results.explanation(first), (k, 1 + INPUTS + 1))
        np.testing.assert_array_equal(told[:, 0], intercept)
        np.testing.assert_array_equal(told[:, 1:-1], contributions[first])
        np.testing.assert_allclose(told[:, -1], told[:, :-1].sum(1))


def test_without_explanations_only_probabilities_travel() -> None:
    """Four bytes for each class of each row."""
    probabilities = np.array([[0.25, 0.75]], np.float32)
    packed = pack_results(probabilities)
    assert packed == b"\x00\x00\x80\x3e\x00\x00\x40\x3f"
    assert list(Results(packed, 1, 2, INPUTS).probabilities(0, 1)) == [(0.25, 0.75)]
