"""One run, and what it prints. Knows nothing of how anything is found."""

import os
import sys

import numpy as np

from training import found, pipeline, publish, report, reproduce, schema
from training.config import BUILT_IN, Config
from training.pipeline import Trained
from training.prepare import Prepared, prepare
from training.progress import Bar


def run(config: Config, arguments: list[str]) -> None:
    """Prepare, train and publish, or only look, or compare with an earlier run.

    Raises TrainingError and StoreError.
    """
    quiet, old = config.quiet, None
    if config.reproduce:
        config, old = reproduce.find(config)
    with Bar(quiet=quiet) as bar:
        prepared = prepare(config, bar)
        if config.print_schema:
            data = prepared.dataset
            _say(schema.render(data.source, data.columns, data.left_out))
            return
        if old:
            reproduce.check(config, old, prepared)
        if not quiet and _worth_showing(config, prepared):
            _say(found.render(prepared.dataset, prepared.inputs) + "\n\n")
        trained = pipeline.train(config, prepared, bar)
        if old:
            said = reproduce.compare(config, old, prepared, trained)
        else:
            bar.stage("publishing")
            artifact = publish.publish(config, arguments, prepared, trained)
            said = (
                f"nothing new: {config.name} is served with the same weights and figures; --force publishes"
                if artifact is None
                else report.render(artifact, *_strongest(prepared, trained), trained.doubts)
            )
    if not quiet:
        _say(said + "\n")


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
