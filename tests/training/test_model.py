"""The lecture's module: its gradient, and what it starts from."""

import math

import pytest
import torch

from training.model import LogisticRegression


def test_the_lectures_example() -> None:
    """x=1.23, w=0.23, b=0.1, y=1: autograd.grad, backward and the closed form give dL/dw and dL/db."""
    model = LogisticRegression(1, classes=2)
    model.set(torch.tensor([[0.23]]), torch.tensor([0.1]))
    x, y = torch.tensor([[1.23]]), torch.tensor([[1.0]])
    loss = torch.nn.functional.binary_cross_entropy_with_logits(model(x), y)
    asked = [grad.item() for grad in torch.autograd.grad(loss, list(model.parameters()), retain_graph=True)]
    loss.backward()
    stored = [parameter.grad.item() for parameter in model.parameters()]
    slope = 1 / (1 + math.exp(-(0.23 * 1.23 + 0.1))) - 1
    for found in (asked, stored, [slope * 1.23, slope]):
        assert found == pytest.approx([-0.4987, -0.4054], abs=5e-5)


@pytest.mark.parametrize(("classes", "logits"), [(2, 1), (3, 3), (7, 7)])
def test_two_classes_have_one_logit_and_more_have_one_each(classes: int, logits: int) -> None:
    """All of them 0 before the fit."""
    assert torch.equal(LogisticRegression(4, classes)(torch.ones(5, 4)), torch.zeros(5, logits))
