"""One run, and what it prints. Knows nothing of how anything is found."""

import sys

from training import found, pipeline, publish, report, reproduce, schema
from training.config import Config
from training.pipeline import Prepared, Trained
from training.progress import Bar

STRONGEST = 3
"""Inputs that the report names."""


def run(config: Config, arguments: list[str]) -> None:
    """Prepare, train and publish, or only look, or compare with an earlier run.

    Raises TrainingError and StoreError.
    """
    old = None
    if config.reproduce:
        quiet, (config, old) = config.quiet, reproduce.find(config)
    else:
        quiet = config.quiet
    with Bar(quiet=quiet) as bar:
        prepared = pipeline.prepare(config, bar)
        if config.print_schema:
            sys.stdout.write(schema.render(prepared.dataset))
            return
        if not quiet and _worth_showing(config, prepared):
            sys.stdout.write(found.render(prepared.dataset, prepared.inputs, prepared.doubts) + "\n\n")
            sys.stdout.flush()
        trained = pipeline.train(config, prepared, bar)
        if old:
            said = reproduce.compare(config, old, prepared, trained)
        else:
            bar.stage("publishing")
            artifact = publish.publish(config, arguments, prepared, trained)
            if artifact is None:
                said = f"nothing new: {config.name} is served with the same weights and figures; --force publishes"
            else:
                said = report.render(artifact, strongest(prepared, trained), boundary(prepared, trained))
    if not quiet:
        sys.stdout.write(said + "\n")
