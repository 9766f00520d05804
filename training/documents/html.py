"""The report of a version, one HTML file without scripts. Knows nothing of how the version came about."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from models.manifest import Manifest
from training.documents import charts, digits, names, sentences, tables
from training.documents.axes import LARGE, SMALL, linear
from training.documents.tables import Coefficient

TEMPLATE = Path(__file__).with_name("report.html.j2")
LIMIT = 100_000
"""Bytes: a mail of which no client cuts off the end."""
LENGTHS = ((100, 10), (80, 10), (60, 10), (30, 10), (10, 10), (10, 5), (5, 2))
"""Rows of the longest tables, and classes with charts; the first that is within LIMIT is taken."""
STRONGEST = 30
"""Coefficients that have a line of their own, of all classes together."""
FEWEST_STRONGEST = 3
LABEL_WIDTH = 24
"""Letters of a class where many stand in a line."""


def render(document: Mapping[str, Any], manifest: Manifest) -> bytes:
    """Write report.html from evaluation.json, parsed, and the manifest; the same bytes each time."""
    from jinja2 import Environment, StrictUndefined  # noqa: PLC0415 - a run that publishes nothing needs none

    environment = Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined
    )
    environment.filters |= {
        "name": names.named,
        "title": names.titled,
        "count": digits.count,
        "number": digits.number,
        "share": digits.share,
        "signed": digits.signed,
    }
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    for most, classes in LENGTHS:
        context = _context(document, manifest, tables.shown_classes(manifest, classes))
        page = template.render(context, most=most).encode()
        if len(page) <= LIMIT:
            break
    return page


def _context(document: Mapping[str, Any], manifest: Manifest, taken: list[int]) -> dict[str, Any]:
    """Return what the template takes."""
    two = sentences.two(manifest)
    test = manifest.metrics.get("test")
    split = document["splits"].get("test")
    positive = sentences.positive(manifest)
    curved = taken if positive is None else [positive]
    found, intercept = tables.coefficients(document)
    return {
        "manifest": manifest,
        "document": document,
        "two": two,
        "said": _said(document, manifest),
        "measures": tables.measures(manifest),
        "splits": tables.SPLITS,
        "calibration": None if test is None else test.calibration_error,
        "taken": taken,
        "class_rows": tables.class_rows(manifest, taken),
        "sampled": tables.sampled(manifest),
        "holds": lambda item: Markup(sentences.holds(item, _briefly)),  # noqa: S704 - names are escaped there
        "confusion": None if test is None else tables.folded(test.confusion, taken).tolist(),
        "test": split,
        "step": _step(manifest),
        "gradient": charts.gradient(document["iterations"], _step(manifest))
        if document["iterations"]
        else "",
        "by_class": [_charts(split, manifest, index) for index in curved] if split else [],
        "reliability": charts.reliability(split["reliability"]) if split and split["rows"] else "",
        "offers": _offers(split, manifest) if split and two else [],
        "coefficients": found,
        "intercept": intercept,
        "strongest": _strongest(found, manifest, taken),
        "plane": _plane(document, manifest),
        "label_width": LABEL_WIDTH,
    }


def _said(document: Mapping[str, Any], manifest: Manifest) -> dict[str, Any]:
    """Return the sentences, in which names are elements."""
    safe: Callable[[str], Markup] = Markup  # the words are ours, and names are escaped
    return {
        "verdict": safe(sentences.verdict(manifest, names.named)),
        "chosen": sentences.chosen(manifest),
        "decision": [safe(each) for each in sentences.decision(manifest, names.named)],
        "fit": sentences.fit(manifest),
        "inputs": sentences.inputs(manifest),
        "classes": safe(sentences.classes(manifest, _briefly)),
        "held_out": safe(sentences.held_out(manifest, names.named)),
        "limits": [safe(each) for each in sentences.limits(document, manifest, names.named)],
    }


def _briefly(text: str) -> Markup:
    return names.named(text, LABEL_WIDTH)


def _step(manifest: Manifest) -> str:
    return {"sgd": "epoch", "newton": "iteration", "lbfgs": "step"}[manifest.fit.solver]


def _charts(split: Mapping[str, Any], manifest: Manifest, index: int) -> dict[str, Any]:
    """Return the charts of one class against the others."""
    label = manifest.classes[index]
    curves, test = split["curves"][label], manifest.metrics["test"]
    spoken = names.isolated(label)
    threshold = manifest.threshold.value if sentences.two(manifest) else None
    size = LARGE if sentences.two(manifest) else SMALL
    counts = split["histograms"][label]
    found: dict[str, Any] = {
        "label": label,
        "own": sum(counts["own"]),
        "others": sum(counts["others"]),
        "histogram": charts.histogram(counts, spoken, threshold, size) if split["rows"] else None,
        "curves": None,
    }
    if curves and test:
        here = tables.served_at(test.confusion, index)
        area = "" if test.roc_auc is None or threshold is None else f"Area {digits.figure(test.roc_auc)}. "
        base = found["own"] / split["rows"]
        answered = (here[1], here[2]) if here and here[2] is not None else None
        found["curves"] = (
            charts.roc(curves["roc"], spoken, here and here[:2], area, size),
            charts.precision_recall(curves["precision_recall"], spoken, answered, base, size),
        )
    return found


def _offers(split: Mapping[str, Any], manifest: Manifest) -> list[tables.Offer]:
    curves, test = split["curves"][manifest.positive], manifest.metrics["test"]
    return tables.offers(curves["sweep"], manifest, test) if curves and test else []


def _strongest(found: list[Coefficient], manifest: Manifest, taken: list[int]) -> list[dict[str, Any]]:
    """Return for each logit whose it is, its axis, and its largest coefficients with their drawings.

    `step` is their largest spread, which says how many digits they have.
    """
    two = sentences.two(manifest)
    told = [(manifest.classes[-1], 0)] if two else [(manifest.classes[index], index) for index in taken]
    groups = []
    for label, index in told:
        ranked = tables.ranked(found, index)[: max(STRONGEST // len(told), FEWEST_STRONGEST)]
        spreads = [each.spread(index) or 0.0 for each in ranked]
        values = [each.values[index] for each in ranked]
        reach = [
            value + sign * charts.NORMAL * spread
            for value, spread in zip(values, spreads, strict=True)
            for sign in (-1, 1)
        ]
        axis = linear("", [0, *reach], 4)
        rows = [(each, charts.whisker(axis, each.values[index], each.spread(index))) for each in ranked]
        step = max(spreads) or max(map(abs, values)) / 3 or 1.0
        groups.append(
            {"label": label, "index": index, "axis": charts.scale(axis), "step": step, "rows": rows}
        )
    return groups


def _plane(document: Mapping[str, Any], manifest: Manifest) -> Markup | None:
    line = tables.line(document, manifest)
    if line is None:
        return None
    first, second = (names.isolated(item.name) for item in manifest.inputs)
    labels = [names.isolated(label) for label in manifest.classes]
    return charts.plane(document["points"], line, (first, second), labels)
