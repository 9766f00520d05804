"""Rows like those of training, drawn input by input from what `/info` tells. Knows nothing of requests."""

import random
from itertools import pairwise
from typing import Any


def cell(item: dict[str, Any], shift: float) -> Any:
    """Draw a cell of an input; numbers are moved by `shift` of training's standard deviations."""
    reference = item["reference"]
    if item["missing"]["admitted"] and random.random() < reference["missing"]:
        return None
    if item["kind"] == "numeric":
        return _number(reference) + shift * reference["std"]
    if item["kind"] == "boolean":
        return random.random() < reference["true"] / (reference["false"] + reference["true"])
    rare = item["rare"]
    shares = [*reference["shares"], *[reference["rare"] / len(rare) for _ in rare]]
    return random.choices([*item["categories"], *rare], shares)[0]


def _number(reference: dict[str, Any]) -> float:
    """Draw a number: a bin by its share, and in it any; without bins from a normal distribution, cut."""
    bins = reference["bins"]
    if bins is None:
        value = random.gauss(reference["mean"], reference["std"])
        return min(max(value, reference["min"]), reference["max"])
    [(low, high)] = random.choices(list(pairwise(bins["edges"])), bins["shares"])
    return random.uniform(low, high)
