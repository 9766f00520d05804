"""Whether a new version is served: it must not be worse than the one that is. Knows nothing of the fit.

Both are scored on the newcomer's test rows, but for those that the served version, the champion, learnt
from. The newcomer is rejected when the interval of 95 % of the mean difference in log-loss is all above a
margin; what the rows do not tell is promoted, as of two equal versions half would be refused else.
"""

import shlex
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.defaults import DEFAULT_STORE
from models.errors import PromotedMeanwhileError, StoreError, UnknownModelError
from models.repository import ANY, Artifact, Repository
from models.verdict import Comparison, Found, Verdict
from training import bootstrap, compatible, learnt, losses
from training.config import Promote
from training.dataset import Dataset
from training.found import shown
from training.prepare import MEASURED_ROWS

MARGIN_NATS = 0.01
MARGIN_SHARE = 0.05
"""The margin is this share of the champion's log-loss, MARGIN_NATS at most."""
FEWEST = 20
"""With fewer rows a bootstrap's interval is too narrow to reject anything by."""
ATTEMPTS = 3
"""How often a version is compared, when others move CURRENT meanwhile."""
MOST_NAMED = 3
"""Refusals that a reason repeats."""

Indices = NDArray[np.signedinteger]


def settle(repository: Repository, artifact: Artifact, data: Dataset, promote: Promote, seed: int) -> Verdict:
    """Promote a version that was just published from the data, or not, and lay the verdict beside it.

    Raises StoreError where the version is gone or the store broken, OSError when it cannot be written.
    """
    name, version = artifact.manifest.name, artifact.manifest.version
    if promote != "gate":
        verdict = _verdict(artifact, None, promote, f"as --promote {promote} says")
        if verdict.promotes:
            repository.promote(name, version, by="published")
    else:
        verdict = _gated(repository, artifact, data, seed)
    repository.judge(verdict)
    return verdict


def _gated(repository: Repository, artifact: Artifact, data: Dataset, seed: int) -> Verdict:
    name, version = artifact.manifest.name, artifact.manifest.version
    for _ in range(ATTEMPTS):
        instead_of, verdict = _judged(repository, artifact, data, seed)
        if not verdict.promotes:
            return verdict
        try:
            repository.promote(name, version, instead_of=instead_of, by="published")
        except PromotedMeanwhileError:
            continue
        return verdict
    reason = f"another version was promoted meanwhile, at each of {ATTEMPTS} comparisons"
    return verdict.model_copy(update={"verdict": "moved", "reason": reason})


def _judged(
    repository: Repository, artifact: Artifact, data: Dataset, seed: int
) -> tuple[int | None, Verdict]:
    """Return what CURRENT must still name when the version is promoted, and what is found of it."""
    name = artifact.manifest.name
    try:
        current = repository.current(name)
    except UnknownModelError:
        return None, _verdict(artifact, None, "first", f"the first of {name} to be served")
    except StoreError as error:
        return ANY, _verdict(artifact, None, "undecided", f"there is nothing to compare it with: {error}")
    try:
        return current, _compared(artifact, repository.resolve(name, current), data, seed)
    except StoreError as error:
        said = f"version {current} cannot be scored: {error}"
        return current, _verdict(artifact, current, "undecided", said)


def _compared(artifact: Artifact, champion: Artifact, data: Dataset, seed: int) -> Verdict:
    """Compare with the champion. Raises StoreError where one of both cannot be scored."""
    version = champion.manifest.version
    refusals = compatible.refusals(champion.manifest, artifact.manifest)
    if refusals:
        more = len(refusals) - MOST_NAMED
        said = "; ".join(refusals[:MOST_NAMED]) + (f"; and {more} more" if more > 0 else "")
        reason = f"it would not take or answer all that version {version} does: {said}"
        return _verdict(artifact, version, "incompatible", reason)
    rows = _measured(data.parts["test"], seed)
    try:
        known = learnt.by_version(champion.manifest.data, data, rows)
    except ValueError as error:
        raise StoreError(f"{champion.path}: its split cannot be read: {error}") from error
    refused = losses.refused(champion, data, rows) & ~known.rows
    left_out = [
        f"{count} {'row' if count == 1 else 'rows'} {why} left out"
        for count, why in (
            (int(known.rows.sum()), f"that version {version} learnt from"),
            (int(refused.sum()), f"that version {version} does not take"),
        )
        if count
    ]
    unsure = "it is not known which rows version {} learnt from, so it may look better than it is"
    notes = "".join(f"; {each}" for each in [*left_out, *([] if known.certain else [unsure.format(version)])])
    kept = rows[~known.rows & ~refused]
    if not len(kept):
        reason = f"no test row is left to compare it with version {version} on{notes}"
        return _verdict(artifact, version, "undecided", reason)
    own, others = losses.of_version(artifact, data, kept), losses.of_version(champion, data, kept)
    interval = bootstrap.of_mean(own - others, data.y[kept], seed)
    loss = float(others.mean())
    comparison = Comparison(
        rows=len(kept),
        learnt=int(known.rows.sum()),
        refused=int(refused.sum()),
        newcomer=float(own.mean()),
        champion=loss,
        difference=float((own - others).mean()),
        interval=interval,
        margin=min(MARGIN_NATS, MARGIN_SHARE * loss),
    )
    found, said = _found(comparison, version)
    return _verdict(artifact, version, found, f"{said}: {_numbers(comparison)}{notes}", comparison)


def _measured(rows: Indices, seed: int) -> Indices:
    """Return the rows that are measured: all, or MEASURED_ROWS by lot."""
    if len(rows) <= MEASURED_ROWS:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, MEASURED_ROWS, replace=False))


def _found(comparison: Comparison, version: int) -> tuple[Found, str]:
    interval, margin, rows = comparison.interval, comparison.margin, comparison.rows
    if rows < FEWEST:
        return "undecided", f"too few test rows to tell whether it is worse than version {version}"
    if interval.low > margin:
        return "rejected", f"worse than version {version}"
    if interval.high > margin:
        return "undecided", f"the test rows do not tell whether it is worse than version {version}"
    return "promoted", f"not worse than version {version}"


def _numbers(comparison: Comparison) -> str:
    interval, rows = comparison.interval, comparison.rows
    return (
        f"log-loss {comparison.newcomer:.4f} beside {comparison.champion:.4f} on {rows} "
        f"{'row' if rows == 1 else 'rows'}, difference {comparison.difference:+.4f}, 95 % from "
        f"{interval.low:+.4f} to {interval.high:+.4f}, margin {comparison.margin:.4f}"
    )


def _verdict(
    artifact: Artifact,
    champion: int | None,
    found: Found,
    reason: str,
    comparison: Comparison | None = None,
) -> Verdict:
    return Verdict(
        name=artifact.manifest.name,
        version=artifact.manifest.version,
        digest=artifact.digest,
        champion=champion,
        verdict=found,
        reason=reason,
        comparison=comparison,
        time=datetime.now(UTC),
    )


def render(verdict: Verdict, store: Path) -> str:
    """Say in a line or two whether the version is served, why, and else how it would be."""
    reason = shown(verdict.reason)
    if verdict.promotes:
        return f"promoted   {reason}"
    where = [] if store == DEFAULT_STORE else ["--store", str(store)]
    command = shlex.join(["python", "-m", "models", "promote", verdict.name, str(verdict.version), *where])
    stays = verdict.champion is not None and verdict.verdict != "moved"
    served = f"version {verdict.champion} stays; " if stays else ""
    return (
        f"not served {reason}\n           {served}{command} serves it all the same, as --promote always does"
    )
