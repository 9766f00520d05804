"""What every solver minimises, its derivatives, and whether it has a minimum. Knows nothing of solvers."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.batches import BLOCK_ROWS, Batches
from training.errors import FitError
from training.model import LogisticRegression
from training.ranks import Ranks

RIDGE = 1e-10
"""What stands in for no penalty: columns that nearly repeat others would else get huge weights, whose sum is
rounding."""
NEGLIGIBLE = 1e-6
"""Of what a step does for the rows that it helps most: no row that it harms by less is in its way."""
SETTLED = 1e-6
"""Of a logit: what a step moves less is rounding."""
LANES = 16
"""Sums of blocks that are kept apart, and added up in their order: so however many threads work on them, the
same rows give the same bytes."""
NOWHERE = float("-inf")

Map = Callable[[Callable[[range], tuple[Tensor, Tensor]], Iterable[range]], Iterator[tuple[Tensor, Tensor]]]


@dataclass(frozen=True)
class Point:
    """The objective at some weights: `gradient` and `step` are [k, width], intercepts last.

    `hessian` is the loss's, without the penalty's, of the gradient flattened; None if it was not asked for.
    `farthest` is the largest logit, whatever its sign, and `moved` what the step changed most of a logit;
    `longest` is the length of the longest row, if it was asked for. Of how far the logit of each row's class
    is above each other: `margin` is the least, and `lost` and `gained` what the step took and gave most.
    """

    objective: float
    gradient: Tensor
    hessian: Tensor | None
    farthest: float
    longest: float
    moved: float
    margin: float
    lost: float
    gained: float

    @property
    def norm(self) -> float:
        """The objective's largest partial derivative."""
        return self.gradient.abs().max().item()

    def refuse_separable(self) -> None:
        """Raise FitError where weights would grow for ever, as only a penalty stops them.

        That is when every row is on its right side, or when the step takes some rows further to their right
        side and none to its wrong one: so would the next.
        """
        if self.margin > 0 or NOWHERE < self.lost < 0:
            raise FitError(
                "the inputs separate the classes of the train rows without an error, so without a penalty "
                "there is no optimum; train without --penalty none"
            )
        if self.gained > SETTLED and self.lost <= NEGLIGIBLE * self.gained:
            raise FitError(
                "some of the train rows are separated by inputs that occur with one class alone, so without "
                "a penalty there is no optimum; train without --penalty none, or leave such an input out"
            )


class _WeightedLoss(nn.Module):
    """The log-loss of two classes, each row times its class's weight."""

    def __init__(self, weights: Tensor) -> None:
        super().__init__()
        self.weights = weights

    def forward(self, z: Tensor, target: Tensor) -> Tensor:
        """Return the mean over rows of logits and targets [rows, 1]."""
        return functional.binary_cross_entropy_with_logits(z, target, weight=self.weights[target.long()])


class Problem:
    """Rows, the module whose weights are sought, and the penalty a row (RIDGE without one)."""

    def __init__(
        self,
        model: LogisticRegression,
        batches: Batches,
        *,
        penalty: float | None,
        weights: Tensor | None = None,
        ranks: Ranks | None = None,
    ) -> None:
        """`penalty` is scikit-learn's C, None for none; `weights` [classes] are for two classes only.

        With several `ranks`, `batches` are the rows of this one.
        """
        self.model, self.batches, self.ranks = model.double(), batches, ranks or Ranks()
        self.binary = model.linear.out_features == 1
        self.penalised = penalty is not None
        rows = torch.tensor([batches.rows], dtype=torch.float64, device=batches.device)
        self.rows = int(self.ranks.sum(rows))
        self.decay = RIDGE if penalty is None else 1 / (penalty * self.rows)
        self.weights = None if weights is None else weights.to(batches.device, torch.float64)
        plain = nn.BCEWithLogitsLoss() if self.binary else nn.CrossEntropyLoss()
        self.criterion: nn.Module = plain if self.weights is None else _WeightedLoss(self.weights)
        self.map: Map = map

    @property
    def size(self) -> int:
        """How many weights there are, intercepts counted."""
        return sum(parameter.numel() for parameter in self.model.parameters())

    @property
    def theta(self) -> Tensor:
        """The weights and, last, the intercepts, [k, width], a copy."""
        linear = self.model.linear
        return torch.cat([linear.weight, linear.bias[:, None]], 1).detach()

    def set(self, theta: Tensor) -> None:
        """Take over weights and intercepts as `theta` has them."""
        self.model.set(theta[:, :-1], theta[:, -1])

    def targets(self, y: Tensor) -> Tensor:
        """Return classes, int64 [rows], as `criterion` takes them."""
        return y.double().unsqueeze(1) if self.binary else y

    def ridge(self) -> Tensor:
        """Return the penalty's second derivatives, the diagonal, as `hessian` has them: 0 for intercepts."""
        ridge = torch.full_like(self.theta, self.decay)
        ridge[:, -1] = 0
        return ridge.flatten()

    @torch.no_grad()
    def evaluate(self, step: Tensor | None = None, *, curved: bool = True, measured: bool = False) -> Point:
        """Look at the objective of `fit` where the module is, `step` [k, width] just taken, in one pass.

        `curved` and `measured` ask for the Hessian and for the length of rows.
        """
        theta = self.theta
        look = partial(self._lane, theta, step, curved, measured)
        blocks = -(-self.batches.rows // BLOCK_ROWS)
        lanes = [range(lane, blocks, LANES) for lane in range(max(1, min(LANES, blocks)))]
        sums, highs = (torch.stack(each) for each in zip(*self.map(look, lanes), strict=True))
        mean = self.ranks.sum(sums.sum(0)) / self.rows
        farthest, longest, short, moved, lost, gained = self.ranks.max(highs.amax(0)).tolist()
        size = theta.numel()
        loss, gradient, hessian = mean[0], mean[1 : size + 1], mean[size + 1 :]
        free = torch.cat([theta[:, :-1], torch.zeros_like(theta[:, -1:])], 1)
        return Point(
            objective=loss.item() + self.decay / 2 * free.square().sum().item(),
            gradient=gradient.reshape(theta.shape) + self.decay * free,
            hessian=hessian.reshape(size, size) if curved else None,
            farthest=farthest,
            longest=longest,
            moved=moved,
            margin=-short,
            lost=lost,
            gained=gained,
        )

    def _lane(
        self, theta: Tensor, step: Tensor | None, curved: bool, measured: bool, blocks: range
    ) -> tuple[Tensor, Tensor]:
        size = theta.numel()
        sums = theta.new_zeros(1 + size + (size * size if curved else 0))
        highs = theta.new_full((6,), NOWHERE)
        for number in blocks:
            x, y = self.batches.block(number * BLOCK_ROWS, (number + 1) * BLOCK_ROWS)
            loss, residual, p = self._losses(z := x @ theta.T, y)
            sums[0] += loss
            sums[1 : 1 + size] += (residual.T @ x).flatten()
            if curved:
                self._curve(sums[1 + size :], x, y, p)
            torch.maximum(highs, self._highs(x, y, z, step, measured), out=highs)
        return sums, highs

    def _losses(self, z: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the sum of the losses of logits [rows, k], their derivatives, and the probabilities."""
        if not self.binary:
            p = z.softmax(1)
            return functional.cross_entropy(z, y, reduction="sum"), p - functional.one_hot(y, z.shape[1]), p
        target, p = y.to(z.dtype)[:, None], z.sigmoid()
        own = None if self.weights is None else self.weights[y][:, None]
        loss = functional.binary_cross_entropy_with_logits(z, target, own, reduction="sum")
        return loss, p - target if own is None else (p - target) * own, p

    def _curve(self, sums: Tensor, x: Tensor, y: Tensor, p: Tensor) -> None:
        """Add the second derivatives of a block's losses to `sums`, [size squared]."""
        if self.binary:
            curvature = p * (1 - p) if self.weights is None else p * (1 - p) * self.weights[y][:, None]
            sums += ((x * curvature).T @ x).flatten()
            return
        classes, width = p.shape[1], x.shape[1]
        found = sums.view(classes, width, classes, width)
        for one in range(classes):
            for other in range(one, classes):
                curvature = p[:, one] * (float(one == other) - p[:, other])
                block = (x * curvature[:, None]).T @ x
                found[one, :, other] += block
                if one != other:
                    found[other, :, one] += block

    def _highs(self, x: Tensor, y: Tensor, z: Tensor, step: Tensor | None, measured: bool) -> Tensor:
        """Return of a block what `Point` tells of its rows, each as what is to be the highest."""
        longest = short = lost = gained = moved = z.new_tensor(NOWHERE)
        if measured:
            longest = x.square().sum(1).max().sqrt()
        if not self.penalised:
            short = -self._margins(z, y).min()
        if step is not None:
            change = x @ step.T
            moved = change.abs().max()
            if not self.penalised:
                margins = self._margins(change, y)
                lost, gained = -margins.min(), margins.max()
        return torch.stack([z.abs().max(), longest, short, moved, lost, gained])

    def _margins(self, z: Tensor, y: Tensor) -> Tensor:
        """Return by how much the logit of each row's class is above that of each other, flattened."""
        if self.binary:
            return (z * (2 * y.to(z.dtype)[:, None] - 1)).flatten()
        others = torch.ones_like(z, dtype=torch.bool).scatter(1, y[:, None], value=False)
        return (z.gather(1, y[:, None]) - z)[others]
