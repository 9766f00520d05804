"""Put a trained version into the store, or compare it with one that is there. Knows nothing of training."""

import contextlib
import json
import shlex
from collections.abc import Mapping
from datetime import UTC, datetime

import torch

from models import manifest, record
from models.errors import StoreError
from models.parts import File
from models.repository import Artifact, Repository
from models.verdict import Verdict
from training import gate, provenance
from training.config import Config
from training.documents import card, html
from training.errors import PublishError
from training.fitted import choose_device
from training.pipeline import Trained
from training.prepare import Prepared

COMPARED = ("inputs", "classes", "positive", "threshold", "abstain", "calibration", "metrics")
"""What says, beside the weights, whether a version is another one."""

NO_OPTIONS = {"store", "if_empty", "force", "quiet", "reproduce", "print_schema", "promote"}
"""Settings that do not shape a version."""


def publish(
    config: Config, arguments: list[str], prepared: Prepared, trained: Trained
) -> tuple[Artifact, Verdict] | None:
    """Publish the next version, and promote it if the gate says so.

    Returns None when CURRENT has the same weights and figures, unless --force. Raises PublishError when the
    store cannot be written, StoreError for what it refuses.
    """
    repository = Repository(config.store)

    def make(version: int, digests: Mapping[str, File]) -> manifest.Manifest:
        """Write the manifest, once the store has chosen the version."""
        return manifest_of(config, arguments, prepared, trained, version, digests)

    def describe(made: manifest.Manifest) -> Mapping[manifest.FileName, bytes]:
        """Write what people read of the version."""
        document = json.loads(trained.files["evaluation.json"])
        return {"report.html": html.render(document, made), "README.md": card.render(document, made)}

    try:
        if not config.force:
            with contextlib.suppress(StoreError):  # what is not there, or broken, is not the same
                old = repository.resolve(config.name)
                new = make(
                    old.manifest.version, {str(name): each for name, each in old.manifest.files.items()}
                )
                if not differences(old, new, trained.files["model.safetensors"]):
                    return None
        artifact = repository.publish(config.name, trained.files, make, describe, promote=False)
        return artifact, gate.settle(repository, artifact, prepared.dataset, config.promote, config.seed)
    except OSError as error:
        raise PublishError(f"{error.filename or config.store}: {error.strerror}") from error


def differences(old: Artifact, new: manifest.Manifest, weights: bytes) -> list[str]:
    """Return in which of weights and figures a version is another one than before."""
    found = [] if old.read("model.safetensors") == weights else ["model.safetensors"]
    return found + [field for field in COMPARED if getattr(old.manifest, field) != getattr(new, field)]


def manifest_of(
    config: Config,
    arguments: list[str],
    prepared: Prepared,
    trained: Trained,
    version: int,
    files: Mapping[str, File],
) -> manifest.Manifest:
    """Say of a version everything that a reader must know."""
    dataset, found, decided = prepared.dataset, trained.fitted.fit, trained.decided
    return manifest.Manifest(
        name=config.name,
        version=version,
        created=datetime.now(UTC),
        git_commit=provenance.git_commit(),
        command=shlex.join(["python", "-m", "training", *arguments]),
        options=config.model_dump(mode="json", exclude=NO_OPTIONS),
        environment=record.Environment(
            libraries=provenance.libraries(),
            threads=torch.get_num_threads(),
            device=str(choose_device(config.device)),
            cpu=torch.backends.cpu.get_cpu_capability(),
        ),
        files={name: files[name] for name in manifest.FILES if name in files},
        inputs=prepared.inputs,
        left_out=dataset.left_out,
        classes=dataset.classes,
        positive=decided.positive,
        threshold=decided.threshold,
        abstain=decided.abstain,
        calibration=decided.calibration,
        data=record.Data(
            source=dataset.source,
            sha256=dataset.sha256,
            target=dataset.target,
            rows={name: len(rows) for name, rows in dataset.parts.items()},
            dropped=dataset.dropped,
            duplicates=dataset.duplicates,
            split=dataset.split,
        ),
        fit=record.Fit(
            solver=found.solver,
            penalty=found.penalty,
            weights=trained.fitted.weights,
            iterations=found.iterations,
            gradient_norm=found.gradient_norm,
            tolerance=found.tolerance,
            converged=found.converged,
            choice=trained.fitted.choice,
        ),
        metrics=trained.metrics,
        scores=trained.scores,
        invariant=True,
        golden=trained.golden,
    )
