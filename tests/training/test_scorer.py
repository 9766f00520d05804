"""The served module: the same bits in any batch, what it is compiled to, and any finite number."""

import io
import math
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from models.weights import NO_TABLE, Weights, probabilities
from training.scorer import WEIGHTS, Scorer

PLACES = 7
MOST_ROWS = 4096


def made(numbers: int, categories: int, classes: int, *, gaps: bool, seed: int = 0) -> Scorer:
    """Return a module with arbitrary weights, its categorical inputs anywhere among the others."""
    generator = torch.Generator().manual_seed(seed)
    inputs, k = numbers + categories, 1 if classes == 2 else classes
    base = torch.full((inputs,), NO_TABLE)
    places = torch.randperm(inputs, generator=generator)[:categories].sort().values
    base[places] = torch.arange(categories) * PLACES
    shapes = {
        "mean": (inputs,),
        "slope": (k, inputs),
        "missing": (k, inputs),
        "table": (k, categories * PLACES),
        "bias": (k,),
    }
    weights = {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}
    return Scorer(weights | {"base": base}, gaps=gaps).eval()


def drawn(model: Scorer, rows: int, seed: int = 0) -> torch.Tensor:
    """Return raw rows that the module may get."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn((rows, len(model.base)), generator=generator) * 3
    if model.gaps:
        x[torch.rand(x.shape, generator=generator) < 0.2] = math.nan
    coded = model.base >= 0
    x[:, coded] = torch.randint(0, PLACES, (rows, int(coded.sum())), generator=generator).float()
    return x


def frozen(model: Scorer) -> torch.jit.ScriptModule:
    """Return the module as the service has it: saved, loaded, frozen."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        buffer = io.BytesIO()
        torch.jit.save(torch.jit.script(model), buffer)
        buffer.seek(0)
        return torch.jit.freeze(torch.jit.load(buffer).eval())


FORMS = [
    (30, 0, 2, False),
    (30, 0, 3, False),
    (9, 0, 2, True),
    (5, 3, 2, True),
    (0, 2, 2, False),
    (4, 2, 4, True),
]


@pytest.fixture(scope="module", params=FORMS, ids=str)
def form(request: pytest.FixtureRequest) -> tuple[torch.jit.ScriptModule, torch.Tensor, torch.Tensor]:
    """A frozen module, rows, and its answer for each of them alone."""
    numbers, categories, classes, gaps = request.param
    model = made(numbers, categories, classes, gaps=gaps)
    module, rows = frozen(model), drawn(model, MOST_ROWS)
    alone = torch.cat([module(rows[place : place + 1]) for place in range(MOST_ROWS)])
    torch.testing.assert_close(alone, model(rows), rtol=0, atol=1e-6)
    return module, rows, alone


@given(st.data())
def test_a_row_has_the_same_bits_in_any_batch(
    form: tuple[torch.jit.ScriptModule, torch.Tensor, torch.Tensor], data: st.DataObject
) -> None:
    """Alone, and at any place among 1 to 4,096 rows."""
    module, rows, alone = form
    size = data.draw(st.integers(1, 80) | st.integers(1, MOST_ROWS))
    first = data.draw(st.integers(0, MOST_ROWS - size))
    assert torch.equal(module(rows[first : first + size]), alone[first : first + size])


@settings(max_examples=50)
@given(st.integers(1, 70), st.integers(2, 9), st.booleans(), st.integers(0, 9))
def test_whatever_its_width(numbers: int, classes: int, gaps: bool, seed: int) -> None:
    """The bits are the same with any number of inputs and classes."""
    model = made(numbers, 0, classes, gaps=gaps, seed=seed)
    rows = drawn(model, 67, seed)
    together = model(rows)
    for place in (0, 1, 31, 66):
        assert torch.equal(model(rows[place : place + 1])[0], together[place])


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_the_frozen_graph_holds_nothing_that_knows_the_batch(form: tuple[int, int, int, bool]) -> None:
    """No matrix product and no sigmoid; and a numeric model pays for no gaps and no categories."""
    numbers, categories, classes, gaps = form
    module = frozen(made(numbers, categories, classes, gaps=gaps))
    kinds = {node.kind().removeprefix("aten::") for node in module.inlined_graph.nodes()}
    assert not kinds & {"addmm", "mm", "matmul", "bmm", "linear", "mv", "baddbmm", "einsum", "sigmoid"}
    if not gaps:
        assert not kinds & {"where", "isnan"}
    if not categories:
        assert not kinds & {"index_select", "index", "take", "to"}


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_it_computes_what_the_weights_say(form: tuple[int, int, int, bool]) -> None:
    """As `models.weights` does in float64, gaps and codes included."""
    numbers, categories, classes, gaps = form
    model = made(numbers, categories, classes, gaps=gaps)
    rows = drawn(model, 200)
    arrays = {name: getattr(model, name).numpy() for name in WEIGHTS}
    weights = Weights(
        **{name: each.astype(each.dtype if name == "base" else np.float64) for name, each in arrays.items()}
    )
    expected = probabilities(weights.logits(rows.numpy()))
    np.testing.assert_allclose(model(rows).numpy(), expected, rtol=1e-4, atol=1e-6)


def test_a_small_probability_keeps_its_digits() -> None:
    """At a logit of 30 the first class has 9.36e-14, which 1 - sigmoid would round to 0 in float32."""
    model = made(1, 0, 2, gaps=False)
    model.bias.fill_(30)
    model.slope.zero_()
    assert model(torch.zeros(1, 1))[0, 0].item() == pytest.approx(math.exp(-30), rel=1e-5)


@pytest.mark.parametrize("classes", [2, 3])
@given(x=hnp.arrays(np.float32, (4, 3), elements=st.floats(width=32, allow_nan=False, allow_infinity=False)))
def test_any_finite_row_has_probabilities(classes: int, x: np.ndarray) -> None:
    """Whatever finite float32 goes in, finite probabilities come out that sum to 1, also at a slope of 0."""
    model = made(3, 0, classes, gaps=False)
    model.slope[:, 1] = 0
    model.slope[:, 2] *= 1e6
    model.mean[0] = -3e38
    p = model(torch.from_numpy(x))
    assert ((p >= 0) & (p <= 1)).all()
    torch.testing.assert_close(p.sum(1), torch.ones(4))


def test_the_explanation_of_an_absurd_number_is_that_of_its_answer() -> None:
    """Several classes get it in the proportion of their slopes."""
    model = made(1, 0, 3, gaps=False)
    model.mean.zero_()
    model.slope.copy_(torch.tensor([[1.0], [0.5], [0.0]]))
    rows = torch.tensor([[1e38], [-1e38]])
    arrays = {name: getattr(model, name).numpy() for name in WEIGHTS}
    found = probabilities(Weights(**arrays).logits(rows.numpy()))
    np.testing.assert_allclose(model(rows).numpy(), found, rtol=0, atol=1e-6)
    np.testing.assert_allclose(found, [[1, 0, 0], [0, 0, 1]], rtol=0, atol=1e-6)
