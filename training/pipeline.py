"""The stages in order, from rows to the files of a version. Knows nothing of terminals or the store."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import JsonValue

from models.cores import usable_cores
from models.decision import BINARY
from models.inputs import Cell, Input
from models.manifest import Golden
from models.record import Choice, Metrics, Scores, SplitName, decision
from training import design as designs
from training import evaluation, leakage, penalty, reference
from training.config import Config
from training.dataset import Dataset, load
from training.decide import Decided, check, decide
from training.design import Design
from training.errors import SettingError
from training.evaluate import evaluate
from training.export import chosen as golden_rows
from training.export import export, golden
from training.fit import Fit, fit, one_thread
from training.model import LogisticRegression
from training.progress import Bar
from training.rows import Blocks, Rows
from training.scorer import Scorer

BALANCED = "balanced"
Floats = NDArray[np.float64]


CHECKED_ROWS = 100_000
"""Rows whose answers by the exported module are compared with the trained one's, at most."""
MEASURED_ROWS = 1_000_000
"""Rows of a split, drawn by the seed, that figures are measured on at most: 0.001 is certain then."""


@dataclass(frozen=True)
class Prepared:
    """A data set as the fit takes it: its inputs, their design, and each split's encoded rows.

    `golden` are cells of some test rows, [rows][inputs].
    """

    dataset: Dataset
    inputs: tuple[Input, ...]
    design: Design
    rows: dict[SplitName, Rows]
    golden: list[tuple[Cell, ...]]

    def measured(self, split: SplitName, seed: int) -> Rows:
        """Return the rows of a split that figures are measured on."""
        return self.rows[split].drawn(MEASURED_ROWS, seed)


@dataclass(frozen=True)
class Trained:
    """What a run found, and the files that say so; `weight` [k, columns] and `bias` [k] are served."""

    found: Fit
    choice: Choice | None
    weights: dict[str, float] | None
    decided: Decided
    weight: Floats
    bias: Floats
    metrics: dict[SplitName, Metrics | None]
    scores: Scores
    golden: tuple[Golden, ...]
    files: dict[str, bytes]
    doubts: tuple[str, ...]


def prepare(config: Config, bar: Bar) -> Prepared:
    """Load, check and split the rows, and find their design. Raises DataError and SettingError."""
    bar.stage("reading the data")
    dataset = load(config)
    check(config, dataset.classes)
    names = [column.name for column in dataset.columns]
    for name in config.units:
        if name not in names:
            raise SettingError(f"TRAINING_UNITS={name}: no such input column in {config.data}")
    inputs, rows, golden = _encoded(config, dataset)
    train = rows["train"]
    prepared = Prepared(dataset, inputs, designs.make(inputs, _each(train)), rows, golden)
    with one_thread():
        leaks = leakage.leaks(prepared.design, train, rows["validation"], len(dataset.classes))
    said = [
        f"{name}: alone it removes {removed:.0%} of the baseline's log-loss, as what is known only after the "
        f"answer does; --leave-out {shlex.quote(name)} leaves it out"
        for name, removed in leaks
    ]
    doubts = (*dataset.doubts, *reference.doubts(inputs), *said)
    return replace(prepared, dataset=replace(dataset, doubts=doubts))


def _encoded(
    config: Config, dataset: Dataset
) -> tuple[tuple[Input, ...], dict[SplitName, Rows], list[tuple[Cell, ...]]]:
    """Return the inputs, each split's rows as the module takes them, and cells of golden rows."""
    scratch, parts = dataset.scratch, dataset.parts
    chosen = golden_rows(parts["test"], dataset.y)
    inputs, cells = [], []
    columns: dict[SplitName, list[NDArray[np.float32]]] = {name: [] for name in parts}
    for column in dataset.columns:
        item = reference.describe(column, parts["train"], config.units.get(column.name))
        encoded = designs.encode(column, item)
        for name, own in parts.items():
            columns[name].append(scratch.keep(encoded[own]))
        inputs.append(item)
        cells.append([column.cell(row) for row in chosen])
        scratch.forget()
    rows = {name: Rows(tuple(each), dataset.y[parts[name]], scratch.forget) for name, each in columns.items()}
    return tuple(inputs), rows, list(zip(*cells, strict=True))


def _each(rows: Rows) -> Iterator[NDArray[np.float32]]:
    for column in rows.columns:
        yield column
        rows.forget()


@dataclass(frozen=True)
class _Fitted:
    """Weights [k, columns] and intercepts [k] before any calibration, their spread, and the gradients."""

    found: Fit
    choice: Choice | None
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
    decided = _decided(config, prepared, fitted)
    weight, bias = weight * decided.slope, bias * decided.slope + decided.offset
    spread = None if fitted.spread is None else fitted.spread * decided.slope
    scorer = served(design, weight, bias)
    given = {name: _answered(scorer, prepared.measured(name, config.seed)) for name in prepared.rows}
    rule = decision(dataset.classes, decided.positive, decided.threshold, decided.abstain)
    majority = int(np.bincount(prepared.rows["train"].y).argmax())
    metrics: dict[SplitName, Metrics | None] = {
        # No figure is measured on rows that something was chosen on.
        name: None
        if name == "validation" and decided.chosen
        else evaluate(answers, y, rule, majority, intervals=name == "test", seed=config.seed)
        for name, (answers, y) in given.items()
    }
    held_out = np.concatenate([given["validation"][0], given["test"][0]])
    doubts = penalty.doubts(fitted.found.penalty, fitted.choice)

    bar.stage("exporting")
    files = export(scorer, torch.from_numpy(prepared.rows["test"].drawn(CHECKED_ROWS, config.seed).raw()))
    files["evaluation.json"] = evaluation.build(
        {name: pair for name, pair in given.items() if metrics[name] is not None},
        dataset.classes,
        rule,
        slopes=_slopes(prepared, scorer),
        design={prepared.inputs[part.input].name: list(part.names) for part in design.parts},
        coefficients=_coefficients(prepared, weight, bias, spread),
        iterations=fitted.norms,
        warnings=[*dataset.doubts, *doubts],
    )
    return Trained(
        fitted.found,
        fitted.choice,
        fitted.weights,
        decided,
        weight,
        bias,
        metrics,
        evaluation.scores(held_out, dataset.classes),
        golden(scorer, prepared.inputs, prepared.golden),
        files,
        doubts,
    )


def _decided(config: Config, prepared: Prepared, fitted: _Fitted) -> Decided:
    rows, classes = prepared.measured("validation", config.seed), prepared.dataset.classes
    columns = (prepared.design.matrix(rows.raw(block)) for block in rows.blocks())
    logits = np.concatenate([each @ fitted.weight.T + fitted.bias for each in columns])
    return decide(config, classes, logits, rows.classes(), fitted.weights, seed=config.seed)


@torch.inference_mode()
def _answered(scorer: Scorer, rows: Rows) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the module's probabilities, float32 [rows, classes], and the class indices."""
    blocks = [scorer(torch.from_numpy(rows.raw(block))).numpy() for block in rows.blocks()]
    return np.concatenate(blocks), rows.classes()


def _fit(config: Config, prepared: Prepared, bar: Bar) -> _Fitted:
    device = choose_device(config.device)
    torch.set_num_threads(usable_cores())  # its own count leaves out a container's quota
    batches = Blocks(prepared.rows["train"], prepared.design, device)
    weights = class_weights(config, prepared)
    own = None if weights is None else torch.tensor(list(weights.values()), dtype=torch.float64)
    choice = None
    if config.penalty == "auto":
        rows = penalty.Rows.of(config, prepared.dataset, prepared.inputs, prepared.rows["train"])
        strength, choice = penalty.choose(config, rows, own, device, bar)
        config = config.model_copy(update={"penalty": strength})
    model = LogisticRegression(batches.width - 1, len(prepared.dataset.classes)).to(device)
    bar.stage("fitting", config.epochs if config.solver == "sgd" else None, batches.rows)
    norms: list[JsonValue] = []

    def tick(norm: float) -> None:
        norms.append(norm)
        bar.step(norm)

    found = fit(model, batches, config, own, tick)
    spread = None if found.spread is None else found.spread.cpu().numpy()
    weight: Floats = model.linear.weight.detach().cpu().numpy()
    bias: Floats = model.linear.bias.detach().cpu().numpy()
    if weights is not None:  # the served probabilities are those of the data as it is
        first, last = weights.values()
        bias = bias - np.log(last / first)
    return _Fitted(found, choice, weights, weight, bias, spread, norms)


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
        counts = np.bincount(prepared.rows["train"].y, minlength=BINARY)
        return {name: float(counts.sum() / (BINARY * n)) for name, n in zip(classes, counts, strict=True)}
    assert isinstance(given, dict)  # noqa: S101 - the other literal is above
    return {name: given.get(name, 1.0) for name in classes}


def choose_device(name: str) -> torch.device:
    """Choose where to fit. Raises SettingError for `cuda` without a CUDA device."""
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise SettingError("TRAINING_DEVICE=cuda: wanted auto or cpu, there is no CUDA device here")
    return torch.device("cpu" if name == "cpu" or not available else "cuda")


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
