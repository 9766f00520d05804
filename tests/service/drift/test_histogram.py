"""Rows to counts, beside rows that are counted one by one."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given

from models.artifact import Artifact
from service.drift.columns import columns
from service.drift.histogram import MOST_ROWS, Histogram
from tests.service.drift.drawn import FROZEN, Drawn, drawn, numeric
from tests.service.drift.recount import recount


@given(drawn(MOST_ROWS))
def test_counts_are_those_of_rows_counted_one_by_one(case: Drawn) -> None:
    """Of any inputs, on edges and beside them, of two classes and more, whatever is missing."""
    manifest, places, rows, probabilities = case
    counts = Histogram(manifest, places).counts(rows, probabilities)
    wanted = recount(manifest, places, rows, probabilities)
    sums = len(manifest.classes) ** 2 + 2
    assert counts[:-sums].tolist() == wanted[:-sums]
    assert counts[-sums:] == pytest.approx(wanted[-sums:], rel=1e-9, abs=1e-9)
    every = columns(manifest, places)
    assert len(counts) == sum(len(column.bins) for column in every) + 1 + sums
    first = 0
    for column in every:
        total = counts[first : first + len(column.bins)].sum()
        assert total == (np.isfinite(probabilities[:, 0]).sum() if column.kind == "score" else len(rows))
        first += len(column.bins)


@pytest.mark.parametrize(
    ("edges", "bins"),
    [([0.1, 0.2, 0.3], True), ([-1e300, 0, 1e300], True), ([1e-300, 1], True), ([2.5, 2.5], False)],
    ids=["not of float32", "beyond float32", "under float32", "a constant"],
)
def test_a_bin_holds_its_lower_edge_and_the_last_one_both(edges: list[float], bins: bool) -> None:
    """By the edge as it was written, though a model reads float32: 0.1 is less than what it reads of 0.1."""
    manifest = FROZEN.model_copy(update={"inputs": (numeric(edges, bins=bins),)})
    with np.errstate(over="ignore"):
        near = np.array(edges, np.float32)
    values = np.concatenate([near, np.nextafter(near, np.float32(-np.inf)), np.nextafter(near, near + 1)])
    values = values[np.isfinite(values)]
    found = Histogram(manifest, [0]).counts(values[:, None], np.full((len(values), 2), 0.5, np.float32))
    wide = values.astype(np.float64)
    inner = list(pairwise(edges))
    held = [((wide >= low) & (wide < high)).sum() for low, high in inner]
    held[-1] += (wide == edges[-1]).sum()
    assert found[: len(edges) + 1].tolist() == [(wide < edges[0]).sum(), *held, (wide > edges[-1]).sum()]


def test_the_most_rows_of_a_call_may_all_fall_into_one_bin(mixed: Artifact) -> None:
    """Each of eight lanes counts in a byte."""
    rows = np.tile(np.array([4, 1, 0], np.float32), (MOST_ROWS, 1))
    counts = Histogram(mixed.manifest, [0, 1, 2]).counts(rows, np.ones((MOST_ROWS, 2), np.float32))
    assert counts[:13].tolist() == [0, 0, MOST_ROWS, 0, 0, 0, MOST_ROWS, 0, MOST_ROWS, 0, 0, 0, 0]
    assert counts[13:53].reshape(2, 20)[:, -1].tolist() == [MOST_ROWS] * 2
    assert counts[53] == MOST_ROWS


def test_what_is_expected_is_on_average_what_comes(mixed: Artifact) -> None:
    """The confusion, log-loss and Brier score of labels that are drawn as the probabilities say."""
    random = np.random.default_rng(17)
    yes = random.random(1000, np.float32)
    probabilities = np.stack([1 - yes, yes], 1)
    *_, nn, ny, yn, yy, log_loss, brier = (
        Histogram(mixed.manifest, []).counts(np.zeros((1000, 3), np.float32), probabilities).tolist()
    )
    came = random.random((2000, 1000)) < yes
    said = yes >= 0.5
    assert [nn, ny, yn, yy] == pytest.approx(
        [((said == told) & (came == true)).sum(1).mean() for told in (False, True) for true in (False, True)],
        rel=0.01,
    )
    of_label = np.where(came, yes, 1 - yes)
    assert log_loss == pytest.approx(-np.log(of_label).sum(1).mean(), rel=0.01)
    assert brier == pytest.approx(((1 - of_label) ** 2).sum(1).mean(), rel=0.01)
