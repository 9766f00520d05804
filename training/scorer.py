"""The module that is served: raw values in, probabilities out. Knows nothing of how weights are found.

Its answer for a row does not depend on the rows beside it: no matrix product, whose kernel changes with the
number of rows, and no sigmoid, whose vectors end in a tail that rounds otherwise.
"""

from typing import Final

import torch
from torch import Tensor, nn

BIGGEST = 3e38
"""Nearly what float32 can hold."""


class Scorer(nn.Module):
    """Numbers are centred and times a slope, NaN is a constant, codes are looked up; all that is summed."""

    # What one input may add: no finite float32 input, however absurd, may make inf - inf = NaN.
    furthest: Final[float] = 1e18
    mean: Tensor
    slope: Tensor
    missing: Tensor
    base: Tensor
    table: Tensor
    bias: Tensor

    def __init__(
        self, mean: Tensor, slope: Tensor, missing: Tensor, base: Tensor, table: Tensor, bias: Tensor, *, gaps: bool
    ) -> None:
        """Take float32 mean [inputs], slope and missing [k, inputs], table [k, places] and bias [k].

        `base`, int64 [inputs], is where the codes of a categorical input begin in the table, and -1 for a
        number. `gaps` is whether a number may be NaN. k is 1 for two classes.
        """
        super().__init__()
        for name, value in {
            "mean": mean, "slope": slope, "missing": missing, "base": base, "table": table, "bias": bias
        }.items():
            self.register_buffer(name, value)
        # TorchScript compiles the branches of this model only.
        self.gaps: Final[bool] = gaps
        self.mixed: Final[bool] = bool((base >= 0).any())
        self.numeric: Final[bool] = bool((base < 0).any())
        self.binary: Final[bool] = len(bias) == 1
        self.register_buffer("numbers", (base < 0).nonzero()[:, 0], persistent=False)
        self.register_buffer("codes", (base >= 0).nonzero()[:, 0], persistent=False)
