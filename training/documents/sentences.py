"""What a report and a card say in words. Knows nothing of their markup: `named` makes a name fit for it.

The words themselves hold nothing that is markup in HTML or in Markdown.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from models.decision import BINARY
from models.inputs import Boolean, Input, Numeric
from models.manifest import Manifest
from training.documents.digits import count, figure, number, rows, share
from training.report import base

Named = Callable[[str], str]

FEW = 30
"""Test rows of a class below which what is said of it is hardly known: a share of 30 is, to 0.18 at best."""
COMMONEST = 3
"""Categories, and classes of few rows, that are named."""


def verdict(manifest: Manifest, named: Named) -> str:
    """Say in one sentence whether the model is better than the shares of the classes, and how right it is."""
    test = manifest.metrics.get("test")
    if test is None or test.intervals is None:
        return "Nothing was measured on test rows."
    ends, (entropy, _) = test.intervals.log_loss, base(test, positive(manifest))
    if ends.high < entropy:
        said = "The inputs tell more than the shares of the classes do"
    elif ends.low > entropy:
        said = "The model does worse than the shares of the classes alone"
    else:
        said = "The test rows do not show that the inputs tell more than the shares of the classes do"
    held, rule = int(np.sum(test.confusion)), manifest.threshold.rule
    moved = f" with the threshold {named(rule)}" if two(manifest) and rule != "default" else ""
    return (
        f"{said}: of {rows(held)} that were not trained on, {share(test.accuracy, held)} get the right "
        f"class of {named(manifest.data.target)}{moved}, where always the commonest class gets "
        f"{share(test.baseline_accuracy, held)}."
    )


def positive(manifest: Manifest) -> int | None:
    """Return the index of the positive one of two classes."""
    return None if manifest.positive is None else manifest.classes.index(manifest.positive)


def chosen(manifest: Manifest) -> str:
    """Say why validation rows have no figures; nothing where they have."""
    if manifest.metrics.get("validation", ...) is not None:
        return ""
    return (
        "Calibration, threshold or abstaining were chosen on validation rows, so nothing is measured on them."
    )


def decision(manifest: Manifest, named: Named) -> list[str]:
    """Say how probabilities became what they are, and what is answered for them."""
    threshold, band, made = manifest.threshold, manifest.abstain, manifest.calibration
    said = ["The most probable class is the answer."]
    if manifest.positive is not None:
        said = [
            (
                f"The answer is {named(manifest.positive)} from a probability of {number(threshold.value)} "
                f"on (threshold: {named(threshold.rule)})."
            )
        ]
    if band is not None:
        low = f"from {number(band.low)} on and " if manifest.positive is not None else ""
        said.append(
            f"There is no answer where that probability is {low}below {number(band.high)} "
            f"(rule: {named(band.rule)})."
        )
        test = manifest.metrics.get("test")
        if test and test.abstained is not None:
            held = int(np.sum(test.confusion))
            right = "" if test.accepted_accuracy is None else share(test.accepted_accuracy, held)
            said.append(
                f"That is so for {share(test.abstained, held)} of the test rows"
                + (f"; of the others {right} get the right class." if right else ".")
            )
    if made.log_loss:
        said.append(
            f"Probabilities are calibrated on validation rows ({made.kind}): the cross-validated log-loss "
            f"was {figure(made.log_loss.before)} before and is {figure(made.log_loss.after)} after."
        )
    return said


def fit(manifest: Manifest) -> str:
    """Say how the weights were found."""
    found = manifest.fit
    steps = "epochs" if found.solver == "sgd" else "iterations"
    ended = "converged" if found.converged else "stopped before it converged,"
    strength = (
        "without a penalty" if found.penalty is None else f"with an L2 penalty of C = {number(found.penalty)}"
    )
    if found.choice is not None:
        strength += ", chosen by cross-validation"
    weights = "" if found.weights is None else "; classes were weighted"
    return (
        f"Logistic regression {strength}, by {found.solver}, {ended} after {count(found.iterations)} {steps} "
        f"with a gradient of {number(found.gradient_norm, 2)}{weights}."
    )


def held_out(manifest: Manifest, named: Named) -> str:
    """Say how rows were given to train, validation and test."""
    split = manifest.data.split
    columns = ", ".join(map(named, split.columns[:COMMONEST]))
    return {
        "cells": "by a hash of their cells, so that equal rows are on one side",
        "copies": "by a hash of their cells and of how often they repeat: equal rows are on several sides",
        "groups": f"by {columns}, so that rows of one value are on one side",
        "time": f"by {columns}: test rows are the latest",
        "draw": "by lot",
    }[split.kind]


def holds(item: Input, named: Named) -> str:
    """Say what the train rows held of an input."""
    reference = item.reference
    if isinstance(item, Numeric):
        ends = f"{number(item.reference.min)} to {number(item.reference.max)}"
        return f"{ends}, mean {number(item.reference.mean)}"
    if isinstance(item, Boolean):
        return f"{share(item.reference.true, reference.rows)} true"
    ranked = sorted(zip(item.categories, item.reference.shares, strict=True), key=lambda pair: -pair[1])
    told = [f"{named(str(category))} {share(part, 100)}" for category, part in ranked[:COMMONEST]]
    if len(ranked) > COMMONEST:
        told.append(f"{count(len(ranked) - COMMONEST)} more")
    if item.rare:
        told.append(f"{count(len(item.rare))} rare {share(item.reference.rare, 100)}")
    return ", ".join(told)


def limits(document: Mapping[str, Any], manifest: Manifest, named: Named) -> list[str]:
    """Say what the version is not for, as far as the run can tell."""
    data = manifest.data
    said = [
        (
            f"Rows that are unlike those of {named(data.source)}: the figures are of rows held out of it, "
            "and hold for more of the same only."
        ),
        (
            "Values outside of what training saw: the logit goes on there in a straight line, which "
            "nothing supports."
        ),
        (
            "Causes: a coefficient says what goes with a class while the other inputs stay, not what a "
            "change would do."
        ),
        (
            "Parts of the rows: each figure is of all test rows together. How good the model is for some of "
            "them, by place, by age or by any other group, was not measured."
        ),
    ]
    if data.split.kind != "time":
        said.append("The future: rows were not held out by time, so that later ones may do worse.")
    if document["warnings"]:
        said.append("Any use, before the doubts about the data are settled.")
    test = manifest.metrics.get("test")
    if test is not None:
        counted = np.array(test.confusion).sum(1)
        few = [index for index in np.argsort(counted, kind="stable").tolist() if counted[index] < FEW]
        if few:
            told = [f"{named(manifest.classes[index])} ({counted[index]})" for index in few[:COMMONEST]]
            more = f" and {len(few) - COMMONEST} more classes" if len(few) > COMMONEST else ""
            said.append(
                f"Fine distinctions: few test rows are of {', '.join(told)}{more}, and a figure that rests "
                "on so few may be far off."
            )
    return said


def inputs(manifest: Manifest) -> str:
    """Say how many inputs of which kind there are."""
    kinds = [item.kind for item in manifest.inputs]
    told = [f"{count(kinds.count(kind))} {kind}" for kind in ("numeric", "boolean", "categorical")
            if kind in kinds]  # fmt: skip
    return f"{count(len(kinds))} input{'s' if len(kinds) > 1 else ''} ({', '.join(told)})"


def classes(manifest: Manifest, named: Named, most: int = 10) -> str:
    """Name the classes."""
    more = len(manifest.classes) - most
    told = ", ".join(map(named, manifest.classes[:most]))
    return f"{told} and {more} more" if more > 0 else told


def two(manifest: Manifest) -> bool:
    """Return whether there are two classes, and so one curve and one coefficient a column."""
    return len(manifest.classes) == BINARY
