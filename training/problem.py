"""What every solver minimises, its derivatives, and whether it has a minimum. Knows nothing of solvers."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.errors import FitError
from training.model import LogisticRegression

RIDGE = 1e-10
"""What stands in for no penalty: columns that nearly repeat others would else get huge weights, whose sum is
rounding."""
NEGLIGIBLE = 1e-6
"""Of what a step does for the rows that it helps most: no row that it harms by less is in its way."""
SETTLED = 1e-6
"""Of a logit: what a step moves less is rounding."""


class _WeightedLoss(nn.Module):
    """The log-loss of two classes, each row times its class's weight."""

    def __init__(self, weights: Tensor) -> None:
        super().__init__()
        self.weights = weights

    def forward(self, z: Tensor, target: Tensor) -> Tensor:
        """Return the mean over rows of logits and targets [rows, 1]."""
        return functional.binary_cross_entropy_with_logits(z, target, weight=self.weights[target.long()])


class Problem:
    """Standardised columns, float64 [rows, columns], classes, and the penalty a row (RIDGE without one)."""

    def __init__(
        self,
        model: LogisticRegression,
        x: Tensor,
        y: Tensor,
        *,
        penalty: float | None,
        weights: Tensor | None = None,
    ) -> None:
        """`penalty` is scikit-learn's C, None for none; `weights` [classes] are for two classes only."""
        self.model, self.x, self.y = model, x, y
        self.binary = model.linear.out_features == 1
        self.targets = y.to(x.dtype).unsqueeze(1) if self.binary else y
        self.penalised = penalty is not None
        self.decay = RIDGE if penalty is None else 1 / (penalty * len(x))
        self.row_weights = torch.ones_like(x[:, 0]) if weights is None else weights.to(x)[y]
        plain = nn.BCEWithLogitsLoss() if self.binary else nn.CrossEntropyLoss()
        self.criterion: nn.Module = plain if weights is None else _WeightedLoss(weights.to(x))

    @property
    def size(self) -> int:
        """How many weights there are, intercepts counted."""
        return sum(parameter.numel() for parameter in self.model.parameters())

    def objective(self) -> Tensor:
        """Compute the formula of `fit`, a float64 scalar."""
        loss: Tensor = self.criterion(self.model(self.x), self.targets)
        return loss + self.decay / 2 * self.model.linear.weight.square().sum()

    def gradient_norm(self) -> float:
        """Compute the objective's largest absolute partial derivative."""
        gradients = torch.autograd.grad(self.objective(), list(self.model.parameters()))
        return torch.stack([gradient.abs().max() for gradient in gradients]).max().item()

    @torch.no_grad()
    def gradient(self) -> Tensor:
        """Compute the gradient by [k, columns + 1], intercepts last, in closed form."""
        z = self.model(self.x)
        if self.binary:
            residual = (z.sigmoid() - self.targets) * self.row_weights[:, None]
        else:
            residual = z.softmax(1) - functional.one_hot(self.y, z.shape[1]).to(z)
        weight = residual.T @ self.x / len(self.x) + self.decay * self.model.linear.weight
        return torch.cat([weight, residual.mean(0)[:, None]], 1)

    @torch.no_grad()
    def hessian(self) -> Tensor:
        """Compute the loss's second derivatives, without the penalty's, of [k, columns + 1] flattened."""
        z = self.model(self.x)
        x = torch.cat([self.x, torch.ones_like(self.x[:, :1])], 1)
        if self.binary:
            p = z.sigmoid()[:, 0]
            found: Tensor = (x * (p * (1 - p) * self.row_weights)[:, None]).T @ x / len(x)
            return found
        p, (classes, width) = z.softmax(1), (z.shape[1], x.shape[1])
        found = x.new_empty(classes, width, classes, width)
        for one in range(classes):
            for other in range(one, classes):
                curvature = p[:, one] * (float(one == other) - p[:, other])
                block = (x * curvature[:, None]).T @ x / len(x)
                found[one, :, other], found[other, :, one] = block, block
        return found.reshape(classes * width, classes * width)

    def ridge(self) -> Tensor:
        """Return the penalty's second derivatives, the diagonal, as `hessian` has them: 0 for intercepts."""
        weight = self.model.linear.weight
        ridge = weight.new_full((weight.shape[0], weight.shape[1] + 1), self.decay)
        ridge[:, -1] = 0
        return ridge.flatten()

    @torch.no_grad()
    def farthest(self) -> Tensor:
        """Compute the largest logit, whatever its sign, a scalar."""
        found: Tensor = self.model(self.x).abs().max()
        return found

    @torch.no_grad()
    def moved(self, step: Tensor) -> Tensor:
        """Compute by how much a step [k, columns + 1] changes the logits, [rows, k]."""
        found: Tensor = self.x @ step[:, :-1].T + step[:, -1]
        return found

    @torch.no_grad()
    def refuse_separable(self, moved: Tensor | None = None) -> None:
        """Raise FitError where weights would grow for ever, as only a penalty stops them.

        That is when every row is on its right side, or when a step that changes the logits by `moved`,
        [rows, k], takes some rows further to their right side and none to its wrong one: so would the next.
        """
        gained = None if moved is None else self._margins(moved)
        if (self._margins(self.model(self.x)) > 0).all() or (gained is not None and gained.min() > 0):
            raise FitError(
                "the inputs separate the classes of the train rows without an error, so without a penalty "
                "there is no optimum; train without --penalty none"
            )
        if gained is not None and gained.max() > SETTLED and gained.min() >= -NEGLIGIBLE * gained.max():
            raise FitError(
                "some of the train rows are separated by inputs that occur with one class alone, so without "
                "a penalty there is no optimum; train without --penalty none, or leave such an input out"
            )

    def _margins(self, z: Tensor) -> Tensor:
        """Return by how much the logit of each row's class is above that of each other, flattened."""
        if self.binary:
            return (z * (2 * self.targets - 1)).flatten()
        others = torch.ones_like(z, dtype=torch.bool).scatter(1, self.y[:, None], value=False)
        return (z.gather(1, self.y[:, None]) - z)[others]
