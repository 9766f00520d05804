"""The stages in order, from rows to the files of a version. Knows nothing of terminals or the store."""

import shlex
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import JsonValue

from models.cores import usable_cores
from models.decision import BINARY
from models.inputs import Input
from models.manifest import Golden
from models.record import Metrics, Scores, SplitName, decision
from training import design as designs
from training import evaluation, leakage, newton, reference
from training.config import Config
from training.dataset import Dataset, load
from training.decide import Decided, check, decide
from training.design import Design
from training.errors import SettingError
from training.evaluate import evaluate
from training.export import export, golden
from training.fit import NEWTON_WEIGHTS, Fit, fit, one_thread
from training.model import LogisticRegression
from training.problem import Problem
from training.progress import Bar
from training.scorer import Scorer

BALANCED = "balanced"
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Prepared:
    """A data set as the fit takes it: its inputs, raw rows, float32 [rows, inputs], and their design."""

    dataset: Dataset
    inputs: tuple[Input, ...]
    raw: NDArray[np.float32]
    design: Design

    def columns(self, split: SplitName) -> Floats:
        """Return the design's columns of a split, float64 [rows, columns]."""
        return self.design.matrix(self.raw[self.dataset.parts[split]])

    def classes(self, split: SplitName) -> NDArray[np.int64]:
        """Return the class indices of a split."""
        return self.dataset.y[self.dataset.parts[split]]


@dataclass(frozen=True)
class Trained:
    """What a run found, and the files that say so; `weight` [k, columns] and `bias` [k] are served."""

    found: Fit
    weights: dict[str, float] | None
    decided: Decided
    weight: Floats
    bias: Floats
    metrics: dict[SplitName, Metrics | None]
    scores: Scores
    golden: tuple[Golden, ...]
    files: dict[str, bytes]


def prepare(config: Config, bar: Bar) -> Prepared:
    """Load, check and split the rows, and find their design. Raises DataError and SettingError."""
    bar.stage("reading the data")
    dataset = load(config)
    check(config, dataset.classes)
    names = [column.name for column in dataset.columns]
    for name in config.units:
        if name not in names:
            raise SettingError(f"TRAINING_UNITS={name}: no such input column in {config.data}")
    train = dataset.parts["train"]
    inputs = reference.inputs(dataset.columns, train, config.units)
    raw = designs.encode(dataset.columns, inputs)
    prepared = Prepared(dataset, inputs, raw, designs.make(inputs, raw[train]))
    with one_thread():
        leaks = leakage.leaks(
            prepared.design,
            prepared.columns("train"),
            prepared.columns("validation"),
            prepared.classes("train"),
            prepared.classes("validation"),
            len(dataset.classes),
        )
    said = tuple(
        f"{name}: alone it removes {removed:.0%} of the baseline's log-loss, as what is known only after the "
        f"answer does; --leave-out {shlex.quote(name)} leaves it out"
        for name, removed in leaks
    )
    return replace(prepared, dataset=replace(dataset, doubts=dataset.doubts + said))


@dataclass(frozen=True)
class _Fitted:
    """Weights [k, columns] and intercepts [k] before any calibration, their spread, and the gradients."""

    found: Fit
    weights: dict[str, float] | None
    weight: Floats
    bias: Floats
    spread: Floats | None
    norms: list[JsonValue]


def train(config: Config, prepared: Prepared, bar: Bar) -> Trained:
    """Fit, decide, evaluate and export. Raises TrainingError of the stage that failed."""
    dataset, design = prepared.dataset, prepared.design
    fitted = _fit(config, prepared, bar)
    weight, bias = fitted.weight, fitted.bias

    bar.stage("evaluating")
    logits = prepared.columns("validation") @ weight.T + bias
    decided = decide(
        config, dataset.classes, logits, prepared.classes("validation"), fitted.weights, seed=config.seed
    )
    weight, bias = weight * decided.slope, bias * decided.slope + decided.offset
    spread = None if fitted.spread is None else fitted.spread * decided.slope
    scorer = served(design, weight, bias)
    with torch.inference_mode():
        given: dict[SplitName, NDArray[np.float32]] = {
            name: scorer(torch.from_numpy(prepared.raw[rows])).numpy() for name, rows in dataset.parts.items()
        }
    rule = decision(dataset.classes, decided.positive, decided.threshold, decided.abstain)
    majority = int(np.bincount(prepared.classes("train")).argmax())
    metrics: dict[SplitName, Metrics | None] = {
        # No figure is measured on rows that something was chosen on.
        name: None
        if name == "validation" and decided.chosen
        else evaluate(
            answers, prepared.classes(name), rule, majority, intervals=name == "test", seed=config.seed
        )
        for name, answers in given.items()
    }
    held_out = np.concatenate([given["validation"], given["test"]])

    bar.stage("exporting")
    test = dataset.parts["test"]
    files = export(scorer, torch.from_numpy(prepared.raw[test]))
    files["evaluation.json"] = evaluation.build(
        {name: (given[name], prepared.classes(name)) for name in dataset.parts if metrics[name] is not None},
        dataset.classes,
        rule,
        slopes=_slopes(prepared, scorer),
        design={prepared.inputs[part.input].name: list(part.names) for part in design.parts},
        coefficients=_coefficients(prepared, weight, bias, spread),
        points=evaluation.plane(
            prepared.inputs, prepared.raw[test], prepared.classes("test"), len(dataset.classes)
        ),
        iterations=fitted.norms,
        warnings=list(dataset.doubts),
    )
    return Trained(
        fitted.found,
        fitted.weights,
        decided,
        weight,
        bias,
        metrics,
        evaluation.scores(held_out, dataset.classes),
        golden(scorer, prepared.inputs, dataset.columns, test, dataset.y),
        files,
    )


def _fit(config: Config, prepared: Prepared, bar: Bar) -> _Fitted:
    device = choose_device(config.device)
    torch.set_num_threads(usable_cores())  # its own count leaves out a container's quota
    x = torch.from_numpy(prepared.columns("train")).to(device)
    y = torch.from_numpy(prepared.classes("train")).to(device)
    weights = class_weights(config, prepared)
    own = None if weights is None else torch.tensor(list(weights.values()), dtype=x.dtype, device=device)
    model = LogisticRegression(x.shape[1], len(prepared.dataset.classes)).to(device)
    bar.stage("fitting", config.epochs if config.solver == "sgd" else None, len(x))
    norms: list[JsonValue] = []

    def tick(norm: float) -> None:
        norms.append(norm)
        bar.step(norm)

    found = fit(model, x, y, config, own, tick)
    spread = _spread(model, x, y, config, own)
    weight: Floats = model.linear.weight.detach().cpu().numpy()
    bias: Floats = model.linear.bias.detach().cpu().numpy()
    if weights is not None:  # the served probabilities are those of the data as it is
        first, last = weights.values()
        bias = bias - np.log(last / first)
    return _Fitted(found, weights, weight, bias, spread, norms)


def served(design: Design, weight: Floats, bias: Floats) -> Scorer:
    """Return the module of weights [k, columns] and intercepts [k]."""
    tensors = {name: torch.from_numpy(value) for name, value in design.weights(weight, bias).items()}
    gaps = any(item.kind != "categorical" and item.missing.admitted for item in design.inputs)
    return Scorer(tensors, gaps=gaps).eval()


def class_weights(config: Config, prepared: Prepared) -> dict[str, float] | None:
    """Return each class's weight in the fit, in the classes' order; None without --class-weight."""
    given, classes = config.class_weight, prepared.dataset.classes
    if given is None:
        return None
    if given == BALANCED:
        counts = np.bincount(prepared.classes("train"), minlength=BINARY)
        return {name: float(counts.sum() / (BINARY * n)) for name, n in zip(classes, counts, strict=True)}
    assert isinstance(given, dict)  # noqa: S101 - the other literal is above
    return {name: given.get(name, 1.0) for name in classes}


def choose_device(name: str) -> torch.device:
    """Choose where to fit. Raises SettingError for `cuda` without a CUDA device."""
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise SettingError("TRAINING_DEVICE=cuda: wanted auto or cpu, there is no CUDA device here")
    return torch.device("cpu" if name == "cpu" or not available else "cuda")


def _spread(
    model: LogisticRegression, x: torch.Tensor, y: torch.Tensor, config: Config, weights: torch.Tensor | None
) -> Floats | None:
    problem = Problem(model, x, y, penalty=config.strength, weights=weights)
    if problem.size > NEWTON_WEIGHTS:
        return None
    with one_thread():
        return newton.spread(problem).cpu().numpy()


def _slopes(prepared: Prepared, scorer: Scorer) -> dict[str, JsonValue]:
    """Return for each number what a unit of it adds to each logit; None for a category."""
    return {
        item.name: None if item.kind == "categorical" else scorer.slope[:, place].tolist()
        for place, item in enumerate(prepared.inputs)
    }


def _coefficients(prepared: Prepared, weight: Floats, bias: Floats, spread: Floats | None) -> list[JsonValue]:
    values = np.concatenate([weight, bias[:, None]], 1)
    return [
        {
            "column": name,
            "value": values[:, place].tolist(),
            "spread": None if spread is None else spread[:, place].tolist(),
        }
        for place, name in enumerate([*prepared.design.columns, "intercept"])
    ]
