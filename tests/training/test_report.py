"""The report's numbers."""

import math

import pytest
import torch

from training.model import LogisticRegression
from training.report import boundary


@pytest.mark.parametrize("threshold", [0.5, 0.2])
def test_the_boundary_is_where_the_answer_changes(threshold: float) -> None:
    """A raw point on the printed line has the threshold's probability."""
    model = LogisticRegression(torch.tensor([3.0, -40.0]), torch.tensor([0.5, 8.0]), classes=2)
    with torch.no_grad():
        model.linear.weight.copy_(torch.tensor([[1.5, -2.0]]))
        model.linear.bias.fill_(0.7)
    (w1, w2), b = boundary(model, threshold)
    assert (w1, w2) == (3.0, -0.25)
    assert b == pytest.approx(0.7 - 1.5 * 6 - 2.0 * 5 - math.log(threshold / (1 - threshold)))
    point = torch.tensor([[2.0, (-b - w1 * 2.0) / w2]])
    assert model(point)[0, 1].item() == pytest.approx(threshold, abs=1e-5)
