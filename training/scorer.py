"""The module that is served: raw values in, probabilities out. Knows nothing of how weights are found.

Its answer for a row does not depend on the rows beside it: it holds no matrix product, whose kernel changes
with the number of rows, and no sigmoid, whose vectors end in a tail that is rounded otherwise.
"""

from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor, nn

WEIGHTS = ("mean", "slope", "missing", "base", "table", "bias")
"""Its buffers, which are the tensors of model.safetensors."""


class Scorer(nn.Module):
    """Numbers are centred and times a slope, NaN is a constant, codes are looked up; the row is summed."""

    # What one input may add: no finite float32 input, however absurd, may make inf - inf = NaN.
    furthest: Final[float] = 1e18
    biggest: Final[float] = 3e38  # float32 holds little more
    gaps: Final[bool]
    mixed: Final[bool]
    binary: Final[bool]
    mean: Tensor
    slope: Tensor
    missing: Tensor
    base: Tensor
    table: Tensor
    bias: Tensor

    def __init__(self, weights: Mapping[str, Tensor], *, gaps: bool) -> None:
        """Take float32 mean [inputs], slope and missing [k, inputs], table [k, places] and bias [k].

        `base`, int64 [inputs], is where the codes of a categorical input begin in the table, and -1 for a
        number. `gaps` is whether a number may be NaN. k is 1 for two classes.
        """
        super().__init__()
        for name in WEIGHTS:
            self.register_buffer(name, weights[name])
        # Constants: TorchScript leaves out the branches that this model does not take.
        self.gaps = gaps
        self.mixed = bool((self.base >= 0).any())
        self.binary = len(self.bias) == 1

    def forward(self, x: Tensor) -> Tensor:
        """Map raw inputs, float32 [rows, inputs], to probabilities, float32 [rows, classes].

        It is written so that freezing leaves as few operations a call as can be: what combines weights only
        becomes a constant. For a small model the operations are the cost.
        """
        mean, slope, missing, values = self.mean, self.slope, self.missing, x
        if self.mixed:
            numbers = (self.base < 0).nonzero()[:, 0]
            mean, slope, missing = mean[numbers], slope[:, numbers], missing[:, numbers]
            values = x.index_select(1, numbers)
        reach = (self.furthest / slope.abs().amax(0)).clamp(max=self.biggest)
        centred = (values - mean).clamp(-reach, reach)
        if self.binary:
            added = centred * slope[0]
            if self.gaps:
                added = torch.where(torch.isnan(centred), missing[0], added)
            z = added.sum(1, keepdim=True)
            if self.mixed:
                z = z + self._codes(x).sum(1, keepdim=True)
            # Both logits, 0 and z: a small probability of either keeps its digits.
            zero = torch.zeros_like(self.bias)
            both = torch.addcmul(torch.cat([zero, self.bias]), z, torch.cat([zero, torch.ones_like(zero)]))
            return both.softmax(1)
        added = centred.unsqueeze(1) * slope
        if self.gaps:
            added = torch.where(torch.isnan(centred).unsqueeze(1), missing, added)
        z = added.sum(2)
        if self.mixed:
            z = z + self._codes(x).sum(1)
        return (z + self.bias).softmax(1)

    def _codes(self, x: Tensor) -> Tensor:
        """Return what each categorical input adds, [rows, inputs], or [rows, inputs, k] with more classes."""
        places = (self.base >= 0).nonzero()[:, 0]
        entries = x.index_select(1, places).long() + self.base[places]
        if self.binary:
            return self.table[0].take(entries)
        return self.table.t()[entries]
