"""The logistic regression as a torch module, scaling included. Knows nothing of data or of fitting."""

from typing import Final

import torch
from torch import Tensor, nn

from models.decision import logit_count


class LogisticRegression(nn.Module):
    """Raw values in, probabilities out; one logit for two classes, one a class for more."""

    # Standardised inputs are cut here: no finite float32 input, however absurd, may make inf - inf = NaN.
    furthest: Final[float] = 1e18
    mean: Tensor
    scale: Tensor

    def __init__(self, mean: Tensor, scale: Tensor, classes: int) -> None:
        """Start from zero weights, on inputs standardised by mean and scale, both float32 [inputs]."""
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)
        self.linear = nn.Linear(len(mean), logit_count(classes))
        # The objective is convex: every start leads to the same weights, and zero needs no seed.
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def logits(self, x: Tensor) -> Tensor:
        """Map raw inputs [rows, inputs] to logits [rows, k]; k is 1 for two classes."""
        standardised = ((x - self.mean) / self.scale).clamp(-self.furthest, self.furthest)
        z: Tensor = self.linear(standardised)
        return z

    def forward(self, x: Tensor) -> Tensor:
        """Map raw inputs, float32 [rows, inputs], to probabilities, float32 [rows, classes].

        The logits are those of `logits`, written so that freezing leaves four operations a call: what
        combines weights only becomes a constant. For a small model the operations are the cost.
        """
        furthest = self.furthest * self.scale
        centred = (x - self.mean).clamp(-furthest, furthest)
        weight, bias = self.linear.weight / self.scale, self.linear.bias
        if len(bias) == 1:
            # sigmoid(-z), not 1 - sigmoid(z), which loses all digits of a small probability.
            both = torch.cat([-weight, weight]).t()
            return torch.addmm(torch.cat([-bias, bias]), centred, both).sigmoid()
        return torch.addmm(bias, centred, weight.t()).softmax(1)


def scaling(x: Tensor) -> tuple[Tensor, Tensor]:
    """Find mean and scale, float32 [inputs], of training rows, float32 [rows, inputs].

    The scale is the standard deviation (of n, as scikit-learn's StandardScaler), and 1 for a constant column.
    """
    exact = x.double()
    scale = exact.std(0, correction=0).float()
    # Not scale == 0: rounding gives a constant column a tiny deviation, and one below float32 has none left.
    constant = (x.amax(0) == x.amin(0)) | (scale == 0)
    return exact.mean(0).float(), scale.masked_fill(constant, 1.0)
