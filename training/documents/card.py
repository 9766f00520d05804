"""The model card of a version, README.md. Knows nothing of stores, or of how it was trained.

The headings are those of Hugging Face's template; one of which nothing is known is left out.
"""

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from models.inputs import Input
from models.manifest import Manifest
from training.documents import digits, names, sentences, tables

MOST = 100
"""Inputs, and columns left out, that have a line."""
MOST_CLASSES = 30
LONGEST_REQUEST = 2_000
"""Letters of an example that one can still read."""
TAGS = ("tabular-classification", "logistic-regression", "pytorch", "torchscript")


def render(document: Mapping[str, Any], manifest: Manifest) -> bytes:
    """Write README.md from evaluation.json, parsed, and the manifest; the same bytes each time."""
    parts = (
        _metadata(manifest),
        f"# Model Card for {manifest.name} {manifest.version}",
        sentences.verdict(manifest, names.code),
        _details(manifest),
        _uses(document, manifest),
        _start(manifest),
        _training(manifest),
        _evaluation(manifest),
        _specifications(manifest),
    )
    return ("\n\n".join(part for part in parts if part) + "\n").encode()


def _metadata(manifest: Manifest) -> str:
    metrics = ["log_loss", "brier_score", "accuracy"]
    test = manifest.metrics.get("test")
    metrics += [name for name in ("roc_auc", "average_precision") if test and getattr(test, name) is not None]
    # Words of ours, but for the name, whose letters YAML takes as they are, within quotes.
    return "\n".join(
        [
            "---",
            "library_name: pytorch",
            "pipeline_tag: tabular-classification",
            f"model_name: {json.dumps(manifest.name)}",
            "tags:",
            *(f"- {tag}" for tag in TAGS),
            "metrics:",
            *(f"- {name}" for name in metrics),
            "---",
        ]
    )


def _details(manifest: Manifest) -> str:
    inputs = sentences.inputs(manifest)
    classes = sentences.classes(manifest, names.code, MOST_CLASSES)
    return "\n".join(
        [
            "## Model Details",
            "",
            "### Model Description",
            "",
            f"- **Model type:** logistic regression of {inputs} to {names.code(manifest.data.target)}",
            f"- **Classes:** {classes}",
            f"- **Version:** {manifest.version}, trained {manifest.created:%Y-%m-%d %H:%M %Z}",
            *([f"- **Commit:** {manifest.git_commit}"] if manifest.git_commit else []),
            (
                "- **Files:** `model.pt` (TorchScript), `model.safetensors` (the same weights), "
                "`evaluation.json` (curves and coefficients), `report.html` (the same as charts), "
                "`manifest.json` (what the version is, with digests)"
            ),
        ]
    )


def _uses(document: Mapping[str, Any], manifest: Manifest) -> str:
    source, target = names.code(manifest.data.source), names.code(manifest.data.target)
    limits = sentences.limits(document, manifest, names.code)
    return "\n\n".join(
        [
            "## Uses",
            "### Direct Use",
            f"Probabilities of {target} for rows like those of {source}. "
            + " ".join(sentences.decision(manifest, names.code)),
            "### Out-of-Scope Use",
            _list(limits[:3]),
            "## Bias, Risks, and Limitations",
            _list(limits[3:]),
            *(_doubts(document) if document["warnings"] else []),
        ]
    )


def _doubts(document: Mapping[str, Any]) -> list[str]:
    warnings = [names.code(warning, names.TEXT_WIDTH) for warning in document["warnings"]]
    return ["The run doubted this about its data:", _list(_cut(warnings, "evaluation.json"))]


def _start(manifest: Manifest) -> str:
    """Show a request with the first golden row, unless it is too long to be read."""
    body = json.dumps({"instances": [list(manifest.golden[0].input)]})
    serve = f"SERVICE_MODEL={manifest.name} python -m service"
    ask = f"curl -s http://127.0.0.1:8000/predict -H 'Content-Type: application/json' -d {shlex.quote(body)}"
    if len(ask) > LONGEST_REQUEST:
        return f"## How to Get Started with the Model\n\n{_block(serve)}"
    answer = ", ".join(
        f"{names.code(label)} {digits.number(value)}"
        for label, value in list(zip(manifest.classes, manifest.golden[0].probabilities, strict=True))[:10]
    )
    return "\n\n".join(
        [
            "## How to Get Started with the Model",
            _block(serve),
            _block(ask),
            f"The probabilities of this row are {answer}.",
        ]
    )


def _training(manifest: Manifest) -> str:
    data, fit = manifest.data, manifest.fit
    held = sentences.held_out(manifest, names.code)
    rows = ", ".join(f"{digits.count(count)} {name}" for name, count in data.rows.items())
    said = f"{names.code(data.source)}: {rows}, held out {held}."
    if data.dropped:
        said += f" Left out, for they have no label: {digits.count(data.dropped)}."
    if data.duplicates:
        said += f" With the inputs of an earlier row: {digits.count(data.duplicates)}."
    lines = [
        f"| {names.code(item.name)} | {item.kind} | {names.code(item.unit) if item.unit else ''} | "
        f"{_missing(item)} | {sentences.holds(item, names.code)} |"
        for item in manifest.inputs[:MOST]
    ]
    left = [f"{names.code(each.column)}: {names.code(each.reason, 200)}" for each in manifest.left_out]
    more = len(manifest.inputs) - MOST
    options = {
        "Solver": fit.solver,
        "Penalty (C)": "none" if fit.penalty is None else digits.number(fit.penalty),
        "Class weights": "none" if fit.weights is None else "yes",
        "Seed": str(data.split.seed),
    }
    return "\n\n".join(
        [
            "## Training Details",
            "### Training Data",
            f"{said} The sha256 of the data is `{data.sha256}`.",
            "\n".join(["| input | kind | unit | missing | holds |", "|---|---|---|---|---|", *lines]),
            *([f"{digits.count(more)} more inputs are in `manifest.json`."] if more > 0 else []),
            *(["Columns left out:", _list(_cut(left, "manifest.json"))] if left else []),
            "### Training Procedure",
            sentences.fit(manifest),
            "#### Preprocessing",
            (
                "All of it is inside of the model, but that texts become codes: numbers are standardised; "
                "a missing number counts as the train median, a missing truth as the more frequent one, "
                "each beside a weight of its own; a category is a weight."
            ),
            "#### Training Hyperparameters",
            _list([f"**{name}:** {value}" for name, value in options.items()]),
        ]
    )


def _evaluation(manifest: Manifest) -> str:
    table = [
        "| figure | train | validation | test | 95 % of test | without inputs |",
        "|---|---|---|---|---|---|",
        *(
            f"| {each.name} | {' | '.join(each.values)} | {each.interval} | {each.base} |"
            for each in tables.measures(manifest)
        ),
    ]
    return "\n\n".join(
        [
            "## Evaluation",
            "### Testing Data, Factors & Metrics",
            (
                f"{digits.rows(manifest.data.rows.get('test', 0))} that were not trained on. Intervals are a "
                "bootstrap's of the test rows; without inputs is what their class shares alone would have."
                + (
                    ""
                    if sentences.two(manifest)
                    else " The areas are means of each class against the others."
                )
            ),
            *([said] if (said := sentences.chosen(manifest)) else []),
            "### Results",
            "\n".join(table),
        ]
    )


def _specifications(manifest: Manifest) -> str:
    environment = manifest.environment
    libraries = ", ".join(f"{name} {version}" for name, version in environment.libraries.items())
    hardware = [f"device {environment.device}"] if environment.device else []
    hardware += [f"{environment.threads} threads"] if environment.threads else []
    hardware += [environment.cpu] if environment.cpu else []
    again = f"python -m training --reproduce {manifest.name}/{manifest.version}"
    return "\n\n".join(
        [
            "## Technical Specifications",
            "### Model Architecture and Objective",
            "A sum of one term an input and the softmax of it; the objective is the log-loss"
            + (" with an L2 penalty." if manifest.fit.penalty is not None else "."),
            "### Compute Infrastructure",
            *(["#### Hardware", ", ".join(hardware)] if hardware else []),
            *(["#### Software", libraries] if libraries else []),
            *(["It was trained by", _block(manifest.command)] if manifest.command else []),
            "and this does it again, and compares:" if manifest.command else "This trains it again:",
            _block(again),
        ]
    )


def _missing(item: Input) -> str:
    return digits.share(item.reference.missing, item.reference.rows) if item.missing.admitted else "none"


def _cut(lines: Sequence[str], file: str) -> list[str]:
    """Return the first lines, and how many more are in a file."""
    more = len(lines) - MOST
    return [*lines[:MOST], *([f"and {more} more, in `{file}`"] if more > 0 else [])]


def _list(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _block(command: str) -> str:
    """Return a block of code whose fence is in none of it."""
    legible = names.visible(command)
    return f"{names.fence(legible, 3)}sh\n{legible}\n{names.fence(legible, 3)}"
