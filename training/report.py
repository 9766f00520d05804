"""What a run found, as a few lines of text. Knows nothing of how it was found."""

from collections.abc import Sequence

import numpy as np

from models.artifact import Artifact
from models.decision import BINARY
from models.manifest import Manifest
from models.record import Interval, Metrics
from training.found import shown

STRONGEST = 3  # inputs named in the report
NOTHING = "-"


def render(
    artifact: Artifact,
    strongest: Sequence[tuple[str, float]],
    boundary: str | None = None,
    doubts: Sequence[str] = (),
) -> str:
    """Write the report of a published version: rows, fit, decision, quality beside its baseline, path.

    `strongest` has each input and the logit that one standard deviation of it makes, or for a category its
    largest effect, in any order; nothing for more than two classes. `boundary` and each of `doubts` are a
    line of their own.
    """
    manifest = artifact.manifest
    data, fit = manifest.data, manifest.fit
    counts = ", ".join(f"{count} {name}" for name, count in data.rows.items())
    done = "converged" if fit.converged else "stopped, not converged,"
    steps = f"{fit.iterations} {'epochs' if fit.solver == 'sgd' else 'iterations'}"
    inputs = "1 input" if len(manifest.inputs) == 1 else f"{len(manifest.inputs)} inputs"
    classes = ", ".join(map(shown, manifest.classes))
    lines = [
        f"{manifest.name} {manifest.version}: {inputs} to {shown(data.target)} ({classes})",
        f"rows       {counts}; seed {data.split.seed}",
        f"fit        {fit.solver} {done} after {steps}; gradient norm {fit.gradient_norm:.1e}",
        *_penalty(manifest),
        *(f"doubt      {doubt}" for doubt in doubts),
        *_decision(manifest),
        "",
        *_table(manifest),
        "",
    ]
    if strongest:
        ranked = sorted(strongest, key=lambda pair: -abs(pair[1]))[:STRONGEST]
        named = ", ".join(f"{shown(name)} {effect:+.2f}" for name, effect in ranked)
        of_categories = any(item.kind == "categorical" for item in manifest.inputs)
        rest = "; of categories the largest" if of_categories else ""
        lines.append(f"strongest  {named} (logit per standard deviation{rest})")
    if boundary is not None:
        lines.append(f"boundary   {boundary}")
    return "\n".join([*lines, f"published  {artifact.path}"])


def _penalty(manifest: Manifest) -> list[str]:
    """Say which penalty was chosen, if one was."""
    choice = manifest.fit.choice
    if choice is None:
        return []
    return [
        f"penalty    {tried.penalty:.3g} of {choice.path[0].penalty:g} to {choice.path[-1].penalty:g}, by "
        f"{choice.folds} folds of {choice.rows} rows; log-loss {tried.log_loss:.4f}, "
        f"standard error {tried.standard_error:.4f}"
        for tried in choice.path
        if tried.penalty == manifest.fit.penalty
    ]


def _decision(manifest: Manifest) -> list[str]:
    """Say how probabilities were calibrated, what they are compared with, and which are not answered."""
    lines = []
    made = manifest.calibration
    if made.log_loss:
        parameters = ", ".join(f"{name} {value:.3g}" for name, value in made.parameters.items())
        lines.append(
            f"calibrated {made.kind}, {parameters}; cross-validated log-loss "
            f"{made.log_loss.before:.4f} before, {made.log_loss.after:.4f} after"
        )
    if manifest.positive is not None:
        threshold = manifest.threshold
        lines.append(
            f"threshold  {shown(manifest.positive)} from {threshold.value:.4g} on ({threshold.rule})"
        )
    band, test = manifest.abstain, manifest.metrics.get("test")
    if band is not None:
        low = f"from {band.low:.4g} on and " if manifest.positive is not None else ""
        share = f"; {test.abstained:.1%} of test rows" if test and test.abstained is not None else ""
        others = (
            f", {test.accepted_accuracy:.1%} of the others right"
            if test and test.accepted_accuracy is not None
            else ""
        )
        lines.append(f"abstains   {low}below {band.high:.4g} ({band.rule}){share}{others}")
    return lines


def _table(manifest: Manifest) -> list[str]:
    head = (
        f"{'split':<11}{'log-loss':>9}{'base':>8}{'ROC AUC':>9}{'avg. prec.':>11}{'base':>8}{'accuracy':>10}"
        f"{'majority':>10}  confusion, a row per true class"
    )
    lines = [head]
    positive = None if manifest.positive is None else manifest.classes.index(manifest.positive)
    for name, measured in manifest.metrics.items():
        if measured is None:
            lines.append(f"{name:<11}none: what was chosen was chosen on these rows")
            continue
        entropy, share = base(measured, positive)
        lines.append(
            f"{name:<11}{measured.log_loss:>9.4f}{entropy:>8.4f}{_area(measured.roc_auc):>9}"
            f"{_area(measured.average_precision):>11}{share:>8.4f}{measured.accuracy:>10.1%}"
            f"{measured.baseline_accuracy:>10.1%}  "
            f"{' / '.join(' '.join(map(str, row)) for row in measured.confusion)}"
        )
        if measured.intervals is not None:
            found = measured.intervals
            ends = (found.log_loss, found.roc_auc, found.average_precision)
            lines += [_ends("  95 % from", "low", *ends), _ends("         to", "high", *ends)]
    return lines


def base(measured: Metrics, positive: int | None) -> tuple[float, float]:
    """Return the log-loss of always giving the rows' own class shares, and the average precision of lots.

    `positive` is the index of the positive one of two classes; None with more, for the mean of all.
    """
    counts = np.array(measured.confusion).sum(1)
    shares = counts[counts > 0] / counts.sum()
    lots = 1 / len(counts) if positive is None else counts[positive] / counts.sum()
    return float(0 - (shares * np.log(shares)).sum()), float(lots)  # 0, and not -0, of one class


def _ends(title: str, end: str, log_loss: Interval, roc: Interval | None, precision: Interval | None) -> str:
    areas = [_area(None if each is None else getattr(each, end)) for each in (roc, precision)]
    return f"{title:<11}{getattr(log_loss, end):>9.4f}{'':>8}{areas[0]:>9}{areas[1]:>11}"


def _area(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.4f}"


def boundary(names: Sequence[str], slopes: Sequence[float], bias: float, threshold: float) -> str | None:
    """Write the line in the plane of two raw inputs where the answer changes; None for more or fewer.

    The last class's logit is `bias` plus slopes times inputs, and `threshold` its least probability, which
    moves the line by its own logit.
    """
    if len(names) != BINARY or not 0 < threshold < 1:
        return None
    (w1, w2), b = slopes, bias - np.log(threshold / (1 - threshold))
    return f"{w1:.4g} * {shown(names[0])} {w2:+.4g} * {shown(names[1])} {b:+.4g} = 0"
