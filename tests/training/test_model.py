"""The module: its formulae, its range and the lecture's gradient."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from training.model import LogisticRegression, scaling


def filled(classes: int, seed: int = 0) -> LogisticRegression:
    """A module of three inputs with arbitrary weights."""
    model = LogisticRegression(
        torch.tensor([10.0, 0.0, -3.0]), torch.tensor([2.0, 0.5, 1e-3]), classes
    ).requires_grad_(requires_grad=False)
    generator = torch.Generator().manual_seed(seed)
    model.linear.weight.normal_(generator=generator)
    model.linear.bias.normal_(generator=generator)
    return model


def test_the_lectures_example() -> None:
    """x=1.23, w=0.23, b=0.1, y=1: autograd.grad, backward and the closed form give dL/dw and dL/db."""
    model = LogisticRegression(torch.zeros(1), torch.ones(1), classes=2)
    with torch.no_grad():
        model.linear.weight.fill_(0.23)
        model.linear.bias.fill_(0.1)
    x, y = torch.tensor([[1.23]]), torch.tensor([[1.0]])
    loss = torch.nn.functional.binary_cross_entropy_with_logits(model.logits(x), y)
    asked = [grad.item() for grad in torch.autograd.grad(loss, list(model.parameters()), retain_graph=True)]
    loss.backward()
    stored = [parameter.grad.item() for parameter in model.parameters()]
    slope = 1 / (1 + math.exp(-(0.23 * 1.23 + 0.1))) - 1
    for found in (asked, stored, [slope * 1.23, slope]):
        assert found == pytest.approx([-0.4987, -0.4054], abs=5e-5)


def test_two_classes_have_one_logit_and_more_have_one_each() -> None:
    """The first probability of two is sigmoid(-z), those of three are the softmax of the logits."""
    x = torch.tensor([[12.0, 0.3, -3.0], [8.0, -0.3, -3.001]])
    z = filled(2).logits(x)
    torch.testing.assert_close(filled(2)(x), torch.cat([torch.sigmoid(-z), torch.sigmoid(z)], 1))
    torch.testing.assert_close(filled(3)(x), torch.softmax(filled(3).logits(x), 1))


def test_a_small_probability_keeps_its_digits() -> None:
    """At z = 30 the first class has 9.36e-14, which 1 - sigmoid(z) rounds to 0 in float32."""
    model = LogisticRegression(torch.zeros(1), torch.ones(1), classes=2).requires_grad_(requires_grad=False)
    model.linear.bias.fill_(30)
    assert model(torch.zeros(1, 1))[0, 0].item() == pytest.approx(math.exp(-30), rel=1e-5)


@pytest.mark.parametrize("classes", [2, 3])
@settings(deadline=None)
@given(x=hnp.arrays(np.float32, (4, 3), elements=st.floats(width=32, allow_nan=False, allow_infinity=False)))
def test_any_finite_row_has_probabilities(classes: int, x: np.ndarray) -> None:
    """Whatever finite float32 goes in, finite probabilities come out that sum to 1, alone or in a batch."""
    model = filled(classes)
    p = model(torch.from_numpy(x))
    assert p.dtype == torch.float32
    assert ((p >= 0) & (p <= 1)).all()
    torch.testing.assert_close(p.sum(1), torch.ones(4))
    torch.testing.assert_close(model(torch.from_numpy(x[:1])), p[:1], rtol=0, atol=1e-6)


def test_scaling_is_that_of_the_standard_scaler(clouds: tuple[np.ndarray, np.ndarray]) -> None:
    """Mean and scale agree with scikit-learn's StandardScaler to float32."""
    from sklearn.preprocessing import StandardScaler  # noqa: PLC0415 - only this test needs it

    expected = StandardScaler().fit(clouds[0].astype(np.float64))
    mean, scale = scaling(torch.from_numpy(clouds[0]))
    np.testing.assert_allclose(mean.numpy(), expected.mean_, rtol=1e-6)
    np.testing.assert_allclose(scale.numpy(), expected.scale_, rtol=1e-6)


@pytest.mark.parametrize("value", [0.0, 0.1, -1e30, 3e38, 1e-45])
def test_a_constant_column_has_scale_one(value: float) -> None:
    """A column that never varies is left as it is, however its mean rounds."""
    mean, scale = scaling(torch.full((7, 1), value))
    assert scale.item() == 1
    assert mean.item() == pytest.approx(value)
