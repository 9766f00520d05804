"""The stages in order, from rows to a published version. Knows nothing of flags or terminals."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import torch

from models import manifest
from models.cores import usable_cores
from models.repository import Artifact, Repository
from training import provenance
from training.config import Config
from training.dataset import Dataset, Split, load, split
from training.errors import PublishError, SettingError
from training.evaluate import evaluate
from training.export import export, golden
from training.fit import Fit, fit
from training.model import LogisticRegression, scaling
from training.progress import Bar


@dataclass(frozen=True)
class Outcome:
    """What a run published, and the fitted module."""

    artifact: Artifact
    model: LogisticRegression


def run(config: Config, bar: Bar) -> Outcome:
    """Load, split, fit, evaluate, export and publish; the store changes in the last stage only.

    Raises TrainingError of the stage that failed, and StoreError for what the store refuses.
    """
    device = choose_device(config.device)
    torch.set_num_threads(usable_cores())  # its own count leaves out a container's quota
    bar.stage("reading the data")
    dataset = load(config.data, config.target)
    for name in config.units:
        if name not in dataset.inputs:
            raise SettingError(f"TRAINING_UNITS={name}: no such input column in {config.data}")
    splits = split(dataset, config.seed)

    train = splits["train"]
    x, y = torch.from_numpy(train.x).to(device), torch.from_numpy(train.y).to(device)
    model = LogisticRegression(*scaling(x), classes=len(dataset.classes)).to(device)
    bar.stage("fitting", config.epochs if config.solver == "sgd" else None)
    found = fit(model, x, y, config, bar.step)
    model.cpu().requires_grad_(requires_grad=False)

    bar.stage("evaluating")
    majority = int(np.bincount(train.y).argmax())
    metrics = {
        name: evaluate(model(torch.from_numpy(rows.x)).numpy(), rows.y, config.threshold, majority)
        for name, rows in splits.items()
    }

    bar.stage("publishing")
    files = export(model, torch.from_numpy(splits["test"].x))
    examples = golden(model, splits["test"])

    def describe(version: int, digests: dict[str, manifest.File]) -> manifest.Manifest:
        """Write the manifest, once the store has chosen the version."""
        return manifest.Manifest(
            name=config.name,
            version=version,
            created=datetime.now(UTC),
            git_commit=provenance.git_commit(),
            libraries=provenance.libraries(),
            files={name: digests[name] for name in manifest.FILES},
            inputs=_inputs(dataset, train, config.units),
            classes=dataset.classes,
            threshold=config.threshold,
            data=_data(dataset, splits, config.seed),
            fit=_fit(found, config),
            metrics=metrics,
            golden=examples,
        )

    try:
        artifact = Repository(config.store).publish(config.name, files, describe)
    except OSError as error:
        raise PublishError(f"{error.filename or config.store}: {error.strerror}") from error
    return Outcome(artifact, model)


def choose_device(name: str) -> torch.device:
    """Choose where to fit. Raises SettingError for `cuda` without a CUDA device."""
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise SettingError("TRAINING_DEVICE=cuda: wanted auto or cpu, there is no CUDA device here")
    return torch.device("cpu" if name == "cpu" or not available else "cuda")


def _inputs(dataset: Dataset, train: Split, units: Mapping[str, str]) -> tuple[manifest.Input, ...]:
    columns = zip(dataset.inputs, train.x.T.astype(np.float64), strict=True)
    return tuple(
        manifest.Input(
            name=name,
            unit=units.get(name),
            reference=manifest.Reference(
                mean=float(column.mean()),
                std=float(column.std()),
                min=float(column.min()),
                max=float(column.max()),
            ),
        )
        for name, column in columns
    )


def _data(dataset: Dataset, splits: Mapping[manifest.SplitName, Split], seed: int) -> manifest.Data:
    rows = {name: len(part.y) for name, part in splits.items()}
    return manifest.Data(
        source=dataset.source, sha256=dataset.sha256, target=dataset.target, rows=rows, seed=seed
    )


def _fit(found: Fit, config: Config) -> manifest.Fit:
    return manifest.Fit(
        solver=config.solver,
        penalty=config.penalty,
        iterations=found.iterations,
        gradient_norm=found.gradient_norm,
        converged=found.converged,
    )
