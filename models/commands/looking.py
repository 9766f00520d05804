"""`list`, `show` and `verify`: what is in the store. Changes nothing."""

import json
from typing import Any

from models import shelf
from models.commands.answer import refuse, table, tell, tell_json
from models.errors import StoreError, UnknownModelError
from models.inputs import Categorical, Input
from models.manifest import Manifest
from models.record import Interval, Metrics
from models.repository import Artifact, Repository
from models.signature import Signature, TrustedKeys

FIGURES = ("log_loss", "roc_auc", "average_precision", "brier", "accuracy", "baseline_accuracy")


def list_(repository: Repository, *, as_json: bool) -> int:
    """Print every version; of one that is broken, or of a model whose CURRENT is, say so and go on."""
    found: list[dict[str, Any]] = []
    status = 0
    for name in repository.names(promoted=False):
        current = None
        try:
            current = _current(repository, name)
        except StoreError as error:
            status = refuse(error)
        for version in repository.versions(name):
            told: dict[str, Any] = {"name": name, "version": version, "current": version == current}
            told |= dict.fromkeys(("created", "digest", "test_log_loss", "gate", "key_id"))
            try:
                artifact = repository.resolve(name, version)
                test = artifact.manifest.metrics.get("test")
                told["created"] = artifact.manifest.created.isoformat(timespec="seconds")
                told["digest"] = artifact.digest
                told["test_log_loss"] = test and test.log_loss
            except StoreError as error:
                status = refuse(error)
            try:
                verdict = repository.verdict(name, version)
                told["gate"] = verdict and verdict.verdict
                signature = _signature(repository, name, version)
                told["key_id"] = signature and signature.key_id
            except StoreError as error:
                status = refuse(error)
            found.append(told)
    if as_json:
        tell_json(found)
    elif found:
        heads = ("MODEL", "VERSION", "STATE", "CREATED", "TEST LOG-LOSS", "GATE", "KEY")
        tell(*table([heads, *map(_row, found)]))
    return status


def _row(told: dict[str, Any]) -> tuple[Any, ...]:
    loss, state = told["test_log_loss"], ["current"] if told["current"] else []
    return (
        told["name"],
        told["version"],
        ", ".join([*state, *(["BROKEN"] if told["created"] is None else [])]),
        told["created"],
        None if loss is None else f"{loss:.4f}",
        told["gate"],
        told["key_id"],
    )


def show(
    repository: Repository, name: str, version: int | None, trusted: TrustedKeys | None, *, as_json: bool
) -> int:
    """Print what a version is, CURRENT's by default; raises StoreError for one that is not good."""
    artifact = repository.resolve(name, version, trusted)
    manifest = artifact.manifest
    signature = _signature(repository, name, manifest.version)
    verdict = repository.verdict(name, manifest.version)
    document = {
        "name": name,
        "version": manifest.version,
        "current": _is_current(repository, artifact),
        "path": str(artifact.path),
        "digest": artifact.digest,
        "signature": signature
        and {
            "key_id": signature.key_id,
            "time": signature.time,
            "trusted_as": artifact.signed and artifact.signed.by,
        },
        "gate": verdict and verdict.model_dump(mode="json"),
        "manifest": json.loads(artifact.read_manifest()),
    }
    if as_json:
        tell_json(document)
        return 0
    tell(*table(_facts(document, manifest)), "")
    tell(*table([("INPUT", "KIND", "UNIT", "TAKES"), *map(_input, manifest.inputs)]), "")
    tell(*table(_metrics(manifest)), "")
    tell(*table([("FILE", "BYTES", "SHA256"), *_files(manifest)]))
    return 0


def _facts(document: dict[str, Any], manifest: Manifest) -> list[tuple[str, str]]:
    data, fit, signature, gate = manifest.data, manifest.fit, document["signature"], document["gate"]
    classes = ", ".join(manifest.classes)
    least = f"{manifest.threshold.value:g} ({manifest.threshold.rule})"
    facts = [
        ("model", f"{manifest.name} {manifest.version}" + (", current" if document["current"] else "")),
        ("created", manifest.created.isoformat(timespec="seconds")),
        ("classes", classes),
    ]
    if manifest.positive is not None:
        facts.append(("threshold", f"{manifest.positive} from {least}"))
    if manifest.abstain:
        band = manifest.abstain
        facts.append(("abstains", f"from {band.low:g} to below {band.high:g} ({band.rule})"))
    rows = ", ".join(f"{count} {split}" for split, count in data.rows.items())
    penalty = "none" if fit.penalty is None else f"{fit.penalty:g}"
    ended = "converged" if fit.converged else "not converged"
    facts += [
        ("data", f"{data.source}, target {data.target}"),
        ("data sha256", data.sha256),
        ("rows", rows),
        ("fit", f"{fit.solver}, penalty {penalty}, {fit.iterations} iterations, {ended}"),
        ("digest", document["digest"]),
    ]
    if signature is None:
        facts.append(("signature", "none"))
    else:
        who = f", trusted as {signature['trusted_as']}" if signature["trusted_as"] else ", not checked"
        facts.append(("signature", f"by key {signature['key_id']} at {signature['time']}{who}"))
    if gate is not None:
        facts.append(("gate", f"{gate['verdict']}: {gate['reason']}"))
    return facts


def _input(item: Input) -> tuple[str, str, str | None, str]:
    takes = "missing too" if item.missing.admitted else ""
    if isinstance(item, Categorical):
        count = len(item.categories) + len(item.rare)
        takes = ", ".join(filter(None, (f"{count} categories", takes)))
    return item.name, item.kind, item.unit, takes


def _metrics(manifest: Manifest) -> list[tuple[str | None, ...]]:
    splits = {split: found for split, found in manifest.metrics.items() if found is not None}
    rows: list[tuple[str | None, ...]] = [("METRIC", *(split.upper() for split in splits))]
    return rows + [(figure, *(_figure(found, figure) for found in splits.values())) for figure in FIGURES]


def _figure(found: Metrics, figure: str) -> str | None:
    value = getattr(found, figure)
    if value is None:
        return None
    interval: Interval | None = getattr(found.intervals, figure, None)
    return f"{value:.4f}" + (f" ({interval.low:.4f} to {interval.high:.4f})" if interval else "")


def _files(manifest: Manifest) -> list[tuple[str, int, str]]:
    return [(name, file.size_bytes, file.sha256) for name, file in manifest.files.items()]


def verify(
    repository: Repository,
    name: str | None,
    version: int | None,
    trusted: TrustedKeys | None,
    *,
    as_json: bool,
) -> int:
    """Verify one version, those of a model, or all, and CURRENT; return BAD when anything is not good."""
    status, found = 0, []
    for each in repository.names(promoted=False) if name is None else [name]:
        if version is None:
            try:
                _current(repository, each)
            except UnknownModelError:
                raise
            except StoreError as error:
                status = refuse(error)
        for number in repository.versions(each) if version is None else [version]:
            told: dict[str, Any] = {"name": each, "version": number, "good": True, "error": None}
            try:
                artifact = repository.resolve(each, number, trusted)
                told |= {
                    "digest": artifact.digest,
                    "signed_by": artifact.signed and artifact.signed.by,
                }
            except StoreError as error:
                status = refuse(error)
                told |= {"good": False, "error": str(error), "digest": None, "signed_by": None}
            found.append(told)
    if not found and name is not None:
        raise UnknownModelError(f"{repository.root / name}: has no versions")
    if as_json:
        tell_json(found)
    elif found:
        heads = ("MODEL", "VERSION", "STATE", "DIGEST", "SIGNED BY")
        rows = [
            (
                each["name"],
                each["version"],
                "good" if each["good"] else "BROKEN",
                each["digest"],
                each["signed_by"],
            )
            for each in found
        ]
        tell(*table([heads, *rows]))
    return status


def _current(repository: Repository, name: str) -> int | None:
    """Return which version CURRENT names, None without one. Raises StoreError for a broken one."""
    with repository.opened(name) as model:
        return shelf.current(model) if model.has(shelf.CURRENT) else None


def _is_current(repository: Repository, artifact: Artifact) -> bool:
    try:
        return _current(repository, artifact.manifest.name) == artifact.manifest.version
    except StoreError:
        return False


def _signature(repository: Repository, name: str, version: int) -> Signature | None:
    """Read the signature, unchecked. Raises StoreError for a broken one."""
    with repository.opened(name) as model:
        raw = shelf.read_beside(model, version, "sig")
        try:
            return None if raw is None else Signature.from_json(raw)
        except ValueError as error:
            raise StoreError(f"{model.path / f'{version}.sig'}: not a signature: {error}") from None
