"""Real trained versions of every kind that a report has to show."""

import csv
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from models.manifest import Manifest
from models.repository import Artifact, Repository
from training.__main__ import main

HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "__proto__",
    "a|b`c``d",
    "\"quoted\" & 'so'",
    "mean\u202eradius",
    "\U0001f34e weight (g)",
    "</title></script><script>alert(2)</script>",
    "{{7*7}}",
    "\u05e9\u05dc\u05d5\u05dd\u200f",
    "x" * 299 + "a",
    "x" * 299 + "b",
    "*bold* _it_ [a](http://a.example) <!-- \x01",
)
LABELS = ("<b>yes</b>", "@cmd", "y" * 300, "n" * 120 + "\u202e")


class Version(NamedTuple):
    """What a run published, and evaluation.json of it."""

    artifact: Artifact
    document: dict[str, Any]

    @property
    def manifest(self) -> Manifest:
        """Its manifest."""
        return self.artifact.manifest

    def text(self, file: str) -> str:
        """Return one of its files."""
        return self.artifact.read(file).decode()


def _write(path: Path, names: Iterable[str], x: np.ndarray, labels: Iterable[str]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*names, "target"])
        writer.writerows([[*row, label] for row, label in zip(x.tolist(), labels, strict=True)])
    return path


def _drawn(inputs: int, classes: int, rows: int) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(0)
    x = draw.normal(size=(rows, inputs)).round(3)
    return x, (x @ draw.normal(size=(inputs, classes)) * 0.4 + draw.gumbel(size=(rows, classes))).argmax(1)


def _mixed(folder: Path) -> Path:
    draw = np.random.default_rng(1)
    path = folder / "mixed.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["months", "calls", "plan", "paper", "customer", "target"])
        for row in range(600):
            months, calls = draw.integers(1, 60) + 0.5, draw.poisson(2)
            plan, paper = draw.choice(["basic", "family", "pro"]), draw.choice(["yes", "no", ""])
            gone = draw.random() < 1 / (1 + np.exp(2 - 0.6 * calls + 0.03 * months - (plan == "basic")))
            many = "" if draw.random() < 0.1 else f"{calls}.0"
            writer.writerow([months, many, plan, paper, f"c{row:05d}", "gone" if gone else "here"])
    return path


def _lopsided(folder: Path) -> Path:
    x, _ = _drawn(3, 2, 1000)
    last = np.sort(x[:, 0])[-30]
    return _write(folder / "lopsided.csv", "abc", x, np.where(x[:, 0] >= last, "fraud", "ok"))


@pytest.fixture(scope="session")
def versions(tmp_path_factory: pytest.TempPathFactory, iris_csv: Path) -> Mapping[str, Version]:
    """By what is special about it."""
    folder = tmp_path_factory.mktemp("reports")
    wide, classes = _drawn(100, 10, 1500)
    odd, labels = _drawn(len(HOSTILE), len(LABELS), 500)
    quantities = _write(
        folder / "wide.csv", (f"quantity {n}" for n in range(100)), wide, (f"class {n}" for n in classes)
    )
    strange = _write(folder / "hostile.csv", HOSTILE, odd, (LABELS[n] for n in labels))
    pair = _write(folder / "pair.csv", HOSTILE, odd, (LABELS[n % 2] for n in labels))
    runs: dict[str, list[object]] = {
        "two classes": [],
        "three classes": ["--data", iris_csv, "--target", "species"],
        "two inputs": ["--data", "toy", "--threshold", "0.3"],
        "wide": ["--data", quantities],
        "mixed": [
            "--data",
            _mixed(folder),
            "--threshold",
            "f1",
            "--positive",
            "gone",
            "--abstain",
            "0.1:0.6",
        ],
        "lopsided": ["--data", _lopsided(folder), "--positive", "fraud", "--solver", "sgd"],
        "hostile": ["--data", strange],
        "hostile pair": ["--data", pair],
    }
    found = {}
    for number, (name, options) in enumerate(runs.items()):
        target = [] if {"--target", "toy"} & set(options) or not options else ["--target", "target"]
        arguments = [*options, *target, "--name", f"model-{number}", "--store", folder / "store", "--quiet"]
        assert main([str(each) for each in arguments]) == 0, name
        artifact = Repository(folder / "store").resolve(f"model-{number}")
        found[name] = Version(artifact, json.loads(artifact.read("evaluation.json")))
    return found
