"""What is counted of a version: names of bins, training's shares, and which inputs are looked at."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.artifact import Artifact
from models.inputs import Missing
from models.weights import Weights, bases
from service.drift.columns import Column, columns, heaviest
from tests.service import mixed as by_hand
from tests.service.drift.drawn import FROZEN, INPUTS, categorical, numeric

WHOLE = Missing(admitted=False, imputed_by=None)


def of(*inputs: object) -> list[Column]:
    """Return the columns of inputs."""
    manifest = FROZEN.model_copy(update={"inputs": inputs})
    return columns(manifest, range(len(inputs)))[: len(inputs)]


def test_the_bins_of_each_kind_beside_training(mixed: Artifact) -> None:
    """Shares are of all rows: those of a number's bins are training's less the missing ones."""
    width, checked, city, no, yes = columns(mixed.manifest, [0, 1, 2])
    assert (width.kind, width.name, width.unit, width.of) == ("input", "width (mm)", "mm", "numeric")
    assert width.bins == ("below", "-1e-300..3.5", "3.5..1e+300", "above", "missing")
    assert width.reference == pytest.approx([0, 0.45, 0.45, 0, 0.1])
    assert checked.bins == ("false", "true", "missing")
    assert checked.reference == (0.5, 0.4, 0.1)
    assert city.bins == ("Bonn", "Ulm, alt", "rare", "unseen", "missing")
    assert city.reference == (0.5, 0.3, 0.1, 0, 0.1)
    assert {column.reference_rows for column in (width, checked, city)} == {90}
    assert (no.kind, no.name, yes.name, no.reference_rows) == ("score", "no", "yes", 60)
    assert yes.bins[:2] + yes.bins[-1:] == ("0..0.05", "0.05..0.1", "0.95..1")
    assert yes.reference == (0.5, *[0.0] * 18, 0.5)


def test_a_version_of_the_first_format_has_the_range_of_its_inputs(tiny: Artifact) -> None:
    """And no reference for its scores."""
    width, height, *scores = columns(tiny.manifest, [0, 1])
    reference = tiny.manifest.inputs[0].reference
    assert width.bins == ("below", f"{reference.min}..{reference.max}", "above")
    assert width.reference == height.reference == (0, 1, 0)
    assert [(score.reference, score.reference_rows) for score in scores] == [(None, 0)] * 2


def test_edges_are_told_in_as_few_digits_as_tell_them() -> None:
    """Those of float32, which training's are, in float32's."""
    edges = [float(np.float32(0.1)), 0.5, float(np.float32(1e10)), 1e300]
    [column] = of(numeric(edges))
    assert column.bins == ("below", "0.1..0.5", "0.5..1e+10", "1e+10..1e+300", "above")
    [column] = of(numeric([0.1, float(np.float32(0.1)), 0.2]))
    assert column.bins[1:3] == ("0.1..0.1", "0.1..0.2")
    [column] = of(numeric([3, 3], bins=False))
    assert column.bins == ("below", "3.0..3.0", "above")


def test_a_category_is_no_reserved_word() -> None:
    """It is written as JSON then, and so is what begins with a quote."""
    texts = ['"missing"', "above", "below", "missing", "rare", "true", "unseen", "Ä"]
    [column] = of(categorical(texts, (), WHOLE))
    assert column.bins == (
        '"\\"missing\\""',
        *('"above"', '"below"', '"missing"', '"rare"', "true", '"unseen"', "Ä", "unseen"),
    )
    [column] = of(categorical((-1, 7), (12,), WHOLE))
    assert column.bins == ("-1", "7", "rare", "unseen")


@given(st.lists(INPUTS, min_size=1, max_size=4))
def test_bins_have_distinct_names_and_a_share_each(inputs: list[object]) -> None:
    """The names of categories and edges may be anything."""
    for column in of(*inputs):
        assert column.reference is not None
        assert len(set(column.bins)) == len(column.bins) == len(column.reference)


@given(st.data())
def test_the_heaviest_inputs_spread_the_logits_most(data: st.DataObject) -> None:
    """As the standard deviation of what each adds, over rows like those of training, has it."""
    width, checked, city = FROZEN.inputs
    reference = checked.reference.model_copy(update={"missing": 0.5, "false": 0.3, "true": 0.2})
    item = st.sampled_from([width, checked.model_copy(update={"reference": reference}), city])
    inputs = tuple(data.draw(st.lists(item, min_size=1, max_size=6)))
    classes = data.draw(st.integers(1, 3))
    random = np.random.default_rng(data.draw(st.integers(0, 99)))
    base, size = bases(inputs), sum(each.places for each in inputs if each.kind == "categorical")
    weights = Weights(
        mean=np.zeros(len(inputs)),
        slope=random.normal(size=(classes, len(inputs))),
        missing=np.zeros((classes, len(inputs))),
        base=base,
        table=random.normal(size=(classes, size)),
        bias=np.zeros(classes),
    )
    # A number or a truth that is missing adds what it does on average, and is left out.
    like = {
        "numeric": [3.4, 3.6] * 45,
        "boolean": [0.0] * 54 + [1.0] * 36,
        "categorical": [0.0] * 45 + [1.0] * 27 + [2.0] * 9 + [4.0] * 9,
    }
    rows = np.array([like[each.kind] for each in inputs], np.float32).T
    spread = weights.contributions(rows).std(0).max(0).tolist()
    manifest = FROZEN.model_copy(update={"inputs": inputs})
    for limit in range(len(inputs) + 2):
        found = heaviest(manifest, weights, limit)
        assert found == sorted(found)
        assert len(found) == min(limit, len(inputs))
        others = [spread[place] for place in range(len(inputs)) if place not in found]
        assert min([spread[place] for place in found], default=9) >= max(others, default=0) - 1e-6


def test_the_heaviest_of_the_mixed_model(mixed: Artifact) -> None:
    """Its truth moves the logit by half a unit, its texts by a fifth, its number by a twentieth."""
    wide = {name: value.astype(np.float64) for name, value in by_hand.WEIGHTS.items()}
    weights = Weights(**wide | {"base": by_hand.WEIGHTS["base"]})
    assert [heaviest(mixed.manifest, weights, limit) for limit in (1, 2, 9)] == [[1], [1, 2], [0, 1, 2]]
