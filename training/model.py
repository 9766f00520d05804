"""The logistic regression as a torch module, as the lecture has it. Knows nothing of raw values or files."""

import torch
from torch import Tensor, nn

from models.decision import logit_count


class LogisticRegression(nn.Module):
    """Columns of numbers in, logits out: one for two classes, of the last; one a class for more."""

    def __init__(self, columns: int, classes: int) -> None:
        """Start from zero: the objective is convex, so every start leads to the same weights."""
        super().__init__()
        self.linear = nn.Linear(columns, logit_count(classes))
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Map standardised columns [rows, columns] to logits [rows, k]."""
        z: Tensor = self.linear(x)
        return z

    @torch.no_grad()
    def set(self, weight: Tensor, bias: Tensor) -> None:
        """Take other weights [k, columns] and intercepts [k]."""
        self.linear.weight.copy_(weight)
        self.linear.bias.copy_(bias)
