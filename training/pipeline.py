"""The stages after the fit, to the files of a version. Knows nothing of terminals or the store."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import JsonValue

from models.manifest import Golden
from models.record import Metrics, Scores, SplitName, decision
from training import evaluation, penalty
from training.config import Config
from training.decide import Decided, decide
from training.design import Design
from training.evaluate import evaluate
from training.export import export, golden
from training.fitted import Fitted
from training.prepare import Prepared
from training.progress import Bar
from training.rows import Rows
from training.scorer import Scorer

CHECKED_ROWS = 100_000
"""Rows whose answers by the exported module are compared with the trained one's, at most."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Trained:
    """What a run found, and the files that say so; `weight` [k, columns] and `bias` [k] are served."""

    fitted: Fitted
    decided: Decided
    weight: Floats
    bias: Floats
    metrics: dict[SplitName, Metrics | None]
    scores: Scores
    golden: tuple[Golden, ...]
    files: dict[str, bytes]
    doubts: tuple[str, ...]


def train(config: Config, prepared: Prepared, found: Fitted, bar: Bar) -> Trained:
    """Decide, evaluate and export what was fitted. Raises TrainingError of the stage that failed."""
    dataset, design = prepared.dataset, prepared.design

    bar.stage("evaluating")
    decided = _decided(config, prepared, found)
    weight, bias = found.weight * decided.slope, found.bias * decided.slope + decided.offset
    spread = None if found.spread is None else found.spread * decided.slope
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
    doubts = penalty.doubts(found.fit.penalty, found.choice)

    bar.stage("exporting")
    checked = prepared.rows["test"].drawn(CHECKED_ROWS, config.seed)
    files = export(scorer, torch.from_numpy(checked.raw()))
    files["evaluation.json"] = evaluation.build(
        {name: pair for name, pair in given.items() if metrics[name] is not None},
        dataset.classes,
        rule,
        slopes=_slopes(prepared, scorer),
        design={prepared.inputs[part.input].name: list(part.names) for part in design.parts},
        coefficients=_coefficients(prepared, weight, bias, spread),
        points=evaluation.plane(prepared.inputs, checked.raw(), checked.classes(), len(dataset.classes)),
        iterations=found.norms,
        warnings=[*dataset.doubts, *doubts],
    )
    return Trained(
        found,
        decided,
        weight,
        bias,
        metrics,
        evaluation.scores(held_out, dataset.classes),
        golden(scorer, prepared.inputs, prepared.golden),
        files,
        doubts,
    )


def _decided(config: Config, prepared: Prepared, found: Fitted) -> Decided:
    rows, classes = prepared.measured("validation", config.seed), prepared.dataset.classes
    columns = (prepared.design.matrix(rows.cells(block)) for block in rows.blocks())
    logits = np.concatenate([each @ found.weight.T + found.bias for each in columns])
    return decide(config, classes, logits, rows.classes(), found.weights, seed=config.seed)


@torch.inference_mode()
def _answered(scorer: Scorer, rows: Rows) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the module's probabilities, float32 [rows, classes], and the class indices."""
    blocks = [scorer(torch.from_numpy(rows.raw(block))).numpy() for block in rows.blocks()]
    return np.concatenate(blocks), rows.classes()


def served(design: Design, weight: Floats, bias: Floats) -> Scorer:
    """Return the module of weights [k, columns] and intercepts [k]."""
    tensors = {name: torch.from_numpy(value) for name, value in design.weights(weight, bias).items()}
    gaps = any(item.kind != "categorical" and item.missing.admitted for item in design.inputs)
    return Scorer(tensors, gaps=gaps).eval()


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
