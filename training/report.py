"""What a run found, as a few lines of text. Knows nothing of how it was found."""

import math

from models.manifest import Manifest
from models.repository import Artifact
from training.model import LogisticRegression

STRONGEST = 3  # inputs named in the report


def render(artifact: Artifact, model: LogisticRegression) -> str:
    """Write the report of a published version and its module: fit, quality by split, path."""
    manifest = artifact.manifest
    data, fit = manifest.data, manifest.fit
    counts = ", ".join(f"{count} {name}" for name, count in data.rows.items())
    done = "converged" if fit.converged else "stopped, not converged,"
    steps = f"{fit.iterations} {'epochs' if fit.solver == 'sgd' else 'iterations'}"
    classes = ", ".join(manifest.classes)
    lines = [
        f"{manifest.name} {manifest.version}: {len(manifest.inputs)} inputs to {data.target} ({classes})",
        f"rows       {counts}; seed {data.seed}",
        f"fit        {fit.solver} {done} after {steps}; gradient norm {fit.gradient_norm:.1e}",
        "",
        *_table(manifest),
        "",
        *_weights(manifest, model),
        f"published  {artifact.path}",
    ]
    return "\n".join(lines)


def boundary(model: LogisticRegression, threshold: float) -> tuple[list[float], float]:
    """Give w and b of the plane w x + b = 0, in raw units, where a two-class model's answer changes.

    A threshold other than 0.5 moves it by that probability's logit, log(t / (1 - t)).
    """
    weights = model.linear.weight[0].double() / model.scale.double()
    offset = model.linear.bias.item() - (weights @ model.mean.double()).item()
    return weights.tolist(), offset - math.log(threshold / (1 - threshold))


def _table(manifest: Manifest) -> list[str]:
    head = (
        f"{'split':<11}{'log-loss':>9}{'Brier':>9}{'ROC AUC':>9}{'accuracy':>10}{'majority':>10}"
        "  confusion, a row per true class"
    )
    return [
        head,
        *(
            f"{name:<11}{m.log_loss:>9.4f}{m.brier:>9.4f}{m.roc_auc:>9.4f}{m.accuracy:>10.1%}"
            f"{m.baseline_accuracy:>10.1%}  {' / '.join(' '.join(map(str, row)) for row in m.confusion)}"
            for name, m in manifest.metrics.items()
        ),
    ]


def _weights(manifest: Manifest, model: LogisticRegression) -> list[str]:
    """Name the strongest inputs, and with two inputs the line between the two classes."""
    if model.linear.out_features > 1:
        return []
    names = [item.name for item in manifest.inputs]
    ranked = sorted(zip(names, model.linear.weight[0].tolist(), strict=True), key=lambda pair: -abs(pair[1]))
    strongest = ", ".join(f"{name} {weight:+.2f}" for name, weight in ranked[:STRONGEST])
    lines = [f"strongest  {strongest} (logit per standard deviation)"]
    if len(names) == 2 and 0 < manifest.threshold < 1:  # noqa: PLR2004 - a line in the plane
        (w1, w2), b = boundary(model, manifest.threshold)
        lines.append(f"boundary   {w1:.4f} * {names[0]} {w2:+.4f} * {names[1]} {b:+.4f} = 0")
    return lines
