"""Stores to swap in: versions whose answers differ, what each must answer, and copies under other names."""

import json
import subprocess
import sys
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load

from deploy.load.client import Answer
from models.artifact import Artifact
from models.defaults import DEFAULT_MODEL
from models.inputs import Numeric
from models.manifest import SERVED, Manifest
from models.parts import File
from models.repository import Repository
from models.weights import Floats, probabilities, read

ROOT = Path(__file__).parents[2]
PENALTIES = ("1", "0.1", "0.01", "0.001")
ROWS = 97
DIFFERENCE, TOLERANCE = 1e-3, 1e-5
"""The least by which any two versions differ for a row, and how near an answer is to its version's."""


def train(store: Path) -> list[Artifact]:
    """Train the default model with different penalties; the first version is current then."""
    for penalty in PENALTIES:
        command = [sys.executable, "-m", "training", "--store", store, "--quiet", "--penalty", penalty]
        subprocess.run(command, cwd=ROOT, check=True, stdout=sys.stderr)
    repository = Repository(store)
    repository.promote(DEFAULT_MODEL, 1)
    return [repository.resolve(DEFAULT_MODEL, version) for version in repository.versions(DEFAULT_MODEL)]


def copy(artifact: Artifact, store: Path, name: str) -> Artifact:
    """Publish a version's model once more, as the next version of `name`, which makes its digest another."""

    def make_manifest(version: int, files: dict[str, File]) -> Manifest:
        return artifact.manifest.model_copy(update={"name": name, "version": version, "files": files})

    return Repository(store).publish(name, {file: artifact.read(file) for file in SERVED}, make_manifest)


def rows(artifact: Artifact, count: int) -> NDArray[np.float32]:
    """Draw rows near the means of a model's inputs, where no probability is 0 or 1."""
    draw = np.random.default_rng(0)
    references = [item.reference for item in artifact.manifest.inputs if isinstance(item, Numeric)]
    mean, std = (np.array([getattr(each, name) for each in references]) for name in ("mean", "std"))
    found: NDArray[np.float32] = (mean + 0.3 * std * draw.standard_normal((count, len(std)))).astype("f4")
    return found


def body(number: int, row: Sequence[float]) -> bytes:
    """Return a request's body, whose answer is the same bytes from the same version: it names its id."""
    return json.dumps({"id": str(number), "instances": [list(row)]}).encode()


class Expected:
    """What each version answers to each of the requests, computed with NumPy from its safetensors."""

    def __init__(self, artifacts: Sequence[Artifact]) -> None:
        """Take rows for which no two versions answer alike. Raises ValueError when they are too few."""
        drawn = rows(artifacts[0], 10 * ROWS)
        answers = [_answers(artifact, drawn) for artifact in artifacts]
        differences = [np.abs(one - other).max(1) for one, other in combinations(answers, 2)]
        places = np.flatnonzero(np.min(differences, axis=0) > DIFFERENCE)[:ROWS]
        if len(places) < ROWS:
            raise ValueError("versions that answer alike")
        self.requests = [_post(body(number, row)) for number, row in enumerate(drawn[places].tolist())]
        self.versions = [artifact.manifest.version for artifact in artifacts]
        self._classes = artifacts[0].manifest.classes
        self._wanted = dict(zip(self.versions, (each[places] for each in answers), strict=True))
        self._known: dict[tuple[int, bytes], tuple[int, bool]] = {}

    def request(self, number: int) -> bytes:
        """Return the number-th request; they come again after ROWS."""
        return self.requests[number % ROWS]

    def judge(self, number: int, answer: Answer) -> tuple[int, bool]:
        """Return which version a 200 names, and whether the probabilities are that version's for its row."""
        key = number % ROWS, answer.body
        if key not in self._known:
            self._known[key] = self._judge(*key)
        return self._known[key]

    def _judge(self, row: int, content: bytes) -> tuple[int, bool]:
        told = json.loads(content)
        [prediction] = told["predictions"]
        version = int(told["version"])
        found = [prediction["probabilities"][name] for name in self._classes]
        near = np.allclose(found, self._wanted[version][row], rtol=0, atol=TOLERANCE)
        return version, near and told["id"] == str(row)


def _answers(artifact: Artifact, rows: NDArray[np.float32]) -> Floats:
    weights = read(artifact.manifest, load(artifact.read("model.safetensors")))
    return probabilities(weights.logits(rows))


def _post(content: bytes) -> bytes:
    head = f"POST /predict HTTP/1.1\r\nHost: test\r\nContent-Length: {len(content)}\r\n\r\n"
    return head.encode() + content
