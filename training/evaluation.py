"""The file evaluation.json: what a chart of a version needs. Knows nothing of who draws it.

Its fields are described in docs/evaluation.md.
"""

import json
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from models.decision import BINARY, Decision
from models.inputs import Input
from models.record import SCORE_BINS, Scores, SplitName
from training import reliability
from training.curves import Cuts, Floats, Integers, thin

VERSION = 1
MOST_POINTS = 500
MOST_SHOWN = 300
"""Rows of a plane that are drawn: more would cover each other."""
DIGITS = 6
"""Significant ones of what is drawn; thresholds have all."""

Probabilities = NDArray[np.floating]


def build(
    splits: Mapping[SplitName, tuple[Probabilities, Integers]],
    classes: Sequence[str],
    decision: Decision,
    *,
    slopes: JsonValue,
    design: JsonValue,
    coefficients: JsonValue,
    points: JsonValue,
    iterations: JsonValue,
    warnings: Sequence[str],
) -> bytes:
    """Write the JSON of the splits that may be quoted: probabilities [rows, classes], class indices [rows].

    The other arguments are taken over as they are.
    """
    positive = classes[decision.positive] if len(classes) == BINARY else None
    document = {
        "version": VERSION,
        "classes": list(classes),
        "positive": positive,
        "splits": {
            name: _split(p.astype(np.float64), y, classes, decision) for name, (p, y) in splits.items()
        },
        "slopes": slopes,
        "design": design,
        "coefficients": coefficients,
        "points": points,
        "iterations": iterations,
        "warnings": list(warnings),
    }
    return json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode() + b"\n"


def scores(probabilities: Probabilities, classes: Sequence[str]) -> Scores:
    """Return each class's shares of probabilities [rows, classes] in SCORE_BINS equal bins."""
    shares = {
        label: tuple((histogram(column) / len(column)).tolist())
        for label, column in zip(classes, probabilities.T, strict=True)
    }
    return Scores(rows=len(probabilities), shares=shares)


def plane(inputs: Sequence[Input], raw: NDArray[np.float32], y: Integers, classes: int) -> JsonValue:
    """Return rows, float32 [rows, 2], with their classes, as evenly as they lie in the file.

    None unless there are two classes, and two inputs that are numbers without gaps.
    """
    plain = all(item.kind == "numeric" and not item.missing.admitted for item in inputs)
    if not plain or (len(inputs), classes) != (BINARY, BINARY):
        return None
    taken = np.linspace(0, len(y) - 1, min(len(y), MOST_SHOWN)).round().astype(np.int64)
    return {
        "inputs": [_numbers(raw[taken, place].astype(np.float64)) for place in range(BINARY)],
        "classes": y[taken].tolist(),
    }


def histogram(probabilities: Probabilities) -> Integers:
    """Count probabilities in SCORE_BINS equal bins; each holds its lower edge, the last both."""
    places = (probabilities.astype(np.float64) * SCORE_BINS).astype(np.int64)
    return np.bincount(np.minimum(places, SCORE_BINS - 1), minlength=SCORE_BINS)


def _split(p: Floats, y: Integers, classes: Sequence[str], decision: Decision) -> dict[str, JsonValue]:
    told = [decision.positive] if len(classes) == BINARY else range(len(classes))
    bins = reliability.reliability(*reliability.told(p, y, decision))
    return {
        "rows": len(y),
        "curves": {classes[index]: _curves(p[:, index], y == index) for index in told},
        "reliability": {
            "predicted": _numbers(bins.predicted),
            "share": _numbers(bins.share),
            "rows": bins.rows.tolist(),
        },
        "histograms": {
            label: {
                "own": histogram(p[y == index, index]).tolist(),
                "others": histogram(p[y != index, index]).tolist(),
            }
            for index, label in enumerate(classes)
        },
    }


def _curves(scores: Floats, positive: NDArray[np.bool_]) -> JsonValue:
    """Return the curves of one class against the others, or None where one of both has no rows."""
    cuts = Cuts.of(scores, positive)
    if not cuts.both:
        return None
    # Each curve begins where no row is positive: no score is that cut's threshold.
    true, false = np.append(0, cuts.true), np.append(0, cuts.false)
    thresholds = [None, *cuts.scores.tolist()]
    recall, alarms = true / cuts.positives, false / cuts.negatives
    precision = np.append(1.0, cuts.true / (cuts.true + cuts.false))
    roc, traded = thin(alarms, recall, MOST_POINTS), thin(recall, precision, MOST_POINTS)
    swept = roc[1:]
    return {
        "roc": {
            "threshold": [thresholds[place] for place in roc],
            "false_positive_rate": _numbers(alarms[roc]),
            "true_positive_rate": _numbers(recall[roc]),
        },
        "precision_recall": {
            "threshold": [thresholds[place] for place in traded],
            "precision": _numbers(precision[traded]),
            "recall": _numbers(recall[traded]),
        },
        "sweep": {
            "threshold": [thresholds[place] for place in swept],
            "precision": _numbers(precision[swept]),
            "recall": _numbers(recall[swept]),
            "f1": _numbers(2 * true[swept] / (true[swept] + false[swept] + cuts.positives)),
            "accuracy": _numbers((true[swept] + cuts.negatives - false[swept]) / len(scores)),
            "true_positives": true[swept].tolist(),
            "false_positives": false[swept].tolist(),
        },
    }


def _numbers(values: Floats) -> list[JsonValue]:
    return [float(f"{value:.{DIGITS}g}") for value in values.tolist()]
