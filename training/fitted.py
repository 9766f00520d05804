"""The weights of a run, as its settings want them found. Knows nothing of calibration or of figures."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import JsonValue

from models.cores import usable_cores
from models.decision import BINARY
from models.record import Choice
from training import penalty
from training.config import Config
from training.errors import FitError, SettingError
from training.fit import Fit, fit, unweighted
from training.model import LogisticRegression
from training.prepare import Prepared
from training.progress import Bar
from training.ranks import Ranks, device, local_size
from training.rows import Blocks

BALANCED = "balanced"

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Fitted:
    """Weights [k, columns] and intercepts [k] before any calibration, their spread, and the gradients."""

    fit: Fit
    choice: Choice | None
    weights: dict[str, float] | None
    weight: Floats
    bias: Floats
    spread: Floats | None
    norms: list[JsonValue]


def find(config: Config, prepared: Prepared, bar: Bar, ranks: Ranks) -> Fitted:
    """Fit as the settings say, the penalty chosen before if it is to be, with the other processes if any.

    Raises FitError, SettingError, and RanksError when another process ends.
    """
    train, weights = prepared.rows["train"], class_weights(config, prepared)
    own = None if weights is None else torch.tensor(list(weights.values()), dtype=torch.float64)
    place, strength, choice = ranks.agreed(lambda: _plan(config, prepared, own, bar, ranks.size))
    if choice is not None:
        strength = ranks.same(torch.tensor([strength], dtype=torch.float64)).item()
        config = config.model_copy(update={"penalty": strength})
    batches = Blocks(train.part(ranks.share(len(train))), prepared.design, place)
    model = LogisticRegression(batches.width - 1, len(prepared.dataset.classes)).to(place)
    bar.stage("fitting", config.epochs if config.solver == "sgd" else None, len(train))
    norms: list[JsonValue] = []

    def tick(norm: float) -> None:
        norms.append(norm)
        bar.step(norm)

    found = fit(model, batches, config, own, tick, ranks)
    spread = None if found.spread is None else found.spread.cpu().numpy()
    weight: Floats = model.linear.weight.detach().cpu().numpy()
    bias = unweighted(model.linear.bias.detach().cpu().numpy(), own)
    return Fitted(found, choice, weights, weight, bias, spread, norms)


def _plan(
    config: Config, prepared: Prepared, weights: torch.Tensor | None, bar: Bar, size: int
) -> tuple[torch.device, float | None, Choice | None]:
    """Return the device, and the penalty with what it was chosen from; apart, as one rank may fail alone."""
    place = choose_device(config.device)
    torch.set_num_threads(max(1, usable_cores() // local_size()))  # its own count leaves out a quota
    train = prepared.rows["train"]
    if config.solver == "sgd" and (size > 1 or prepared.dataset.scratch.on_disk):
        raise SettingError("TRAINING_SOLVER=sgd: wanted auto, it takes all rows in one process's memory")
    if len(train) < size:
        raise FitError(f"rank {len(train)} of {size} has no row: there are {len(train)} train rows")
    if config.penalty != "auto":
        return place, config.strength, None
    sample = penalty.Sample.of(config, prepared.dataset, prepared.inputs, train)
    return place, *penalty.choose(config, sample, weights, place, bar)


def class_weights(config: Config, prepared: Prepared) -> dict[str, float] | None:
    """Return each class's weight in the fit, in the classes' order; None without --class-weight."""
    given, classes = config.class_weight, prepared.dataset.classes
    if given is None:
        return None
    if given == BALANCED:
        counts = np.bincount(prepared.rows["train"].y, minlength=BINARY)
        return {name: float(counts.sum() / (BINARY * n)) for name, n in zip(classes, counts, strict=True)}
    assert isinstance(given, dict)  # noqa: S101 - the other literal is above
    return {name: given.get(name, 1.0) for name in classes}


def choose_device(name: str) -> torch.device:
    """Choose where to fit. Raises SettingError for `cuda` without a CUDA device."""
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise SettingError("TRAINING_DEVICE=cuda: wanted auto or cpu, there is no CUDA device here")
    found, count = device("cpu" if name == "cpu" or not available else "cuda"), torch.cuda.device_count()
    if found.type == "cuda" and (found.index or 0) >= count:
        raise SettingError(
            f"TRAINING_DEVICE={name}: wanted cpu, or no more processes than the {count} devices"
        )
    return found
