"""One run, and what it prints. Knows nothing of how anything is found."""

import os
import sys

import numpy as np
import torch

from models.repository import Artifact, Repository
from training import captured, fitted, found, gate, lines, pipeline, publish, ranks, report, reproduce, schema
from training.config import BUILT_IN, Config
from training.fitted import Fitted
from training.pipeline import Trained
from training.prepare import Prepared, prepare
from training.progress import Bar

OWN = {"quiet", "store", "data", "schema_file", "name", "promote"}
"""Settings that may differ among processes: where something is, and what only the first one does."""


def run(config: Config, arguments: list[str]) -> None:
    """Prepare, train and publish, or only look, or compare with an earlier run.

    Of several processes that train together all prepare and fit, and the first one does everything else.
    Raises TrainingError and StoreError.
    """
    quiet, old = config.quiet or not ranks.first(), None
    with ranks.joined() as team, Bar(quiet=quiet) as bar:
        if config.if_empty and team.same(torch.tensor([len(Repository(config.store).names())])).item():
            return  # as the first one says: others may look at a store of their own
        if config.reproduce:
            config, old = team.agreed(lambda: reproduce.find(config))
        if config.data not in BUILT_IN and lines.is_captured(config.data):
            config = team.agreed(lambda: captured.settled(config))
        ranks.refuse_others(team, "their settings", config.model_dump(exclude=OWN))
        prepared = team.agreed(lambda: prepare(config, bar))
        data = prepared.dataset
        ranks.refuse_others(team, "their data", (data.sha256, data.split, prepared.inputs))
        if config.print_schema:
            if team.rank == 0:
                _say(schema.render(data.source, data.columns, data.left_out))
            return
        if old:
            reproduce.check(config, old, prepared)
        if not quiet and _worth_showing(config, prepared):
            _say(found.render(prepared.dataset, prepared.inputs) + "\n\n")
        weights = fitted.find(config, prepared, bar, team)

        def finish() -> str:
            return _finish(config, arguments, prepared, weights, old, bar) if ranks.first() else ""

        said = team.agreed(finish)
    if not quiet:
        _say(said + "\n")


def _finish(
    config: Config, arguments: list[str], prepared: Prepared, weights: Fitted, old: Artifact | None, bar: Bar
) -> str:
    """Measure and publish what was fitted, or compare it with an earlier run; return what is to be said."""
    trained = pipeline.train(config, prepared, weights, bar)
    if old:
        return reproduce.compare(config, old, prepared, trained)
    bar.stage("publishing")
    published = publish.publish(config, arguments, prepared, trained)
    if published is None:
        return f"nothing new: {config.name} is served with the same weights and figures; --force publishes"
    artifact, verdict = published
    told = report.render(artifact, *_strongest(prepared, trained), trained.doubts)
    return f"{told}\n{gate.render(verdict, config.store)}"


def _say(text: str) -> None:
    """Print; a reader who has read enough, as `head` has, does not end the run."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())  # or the interpreter would complain at its end
        os.close(nowhere)


def _worth_showing(config: Config, prepared: Prepared) -> bool:
    """Return whether there is anything to check: a built-in set is as it always was."""
    return config.data not in BUILT_IN or bool(prepared.dataset.doubts)


def _strongest(prepared: Prepared, trained: Trained) -> tuple[list[tuple[str, float]], str | None]:
    """Return what each input does to the logit of the last of two classes, and the line between them."""
    if len(trained.bias) > 1:
        return [], None
    weight = trained.weight[0]
    effects = []
    for part in prepared.design.parts:
        own = weight[part.first : part.first + len(part.names)]
        numeric = prepared.inputs[part.input].kind != "categorical"
        effects.append((prepared.inputs[part.input].name, own[0] if numeric else own[np.abs(own).argmax()]))
    if any(item.kind != "numeric" or item.missing.admitted for item in prepared.inputs):
        return effects, None
    slopes = weight / prepared.design.scale
    bias = float(trained.bias[0] - slopes @ prepared.design.mean)
    decided, classes = trained.decided, prepared.dataset.classes
    least = decided.threshold.value if decided.positive == classes[-1] else 1 - decided.threshold.value
    return effects, report.boundary([item.name for item in prepared.inputs], slopes.tolist(), bias, least)
