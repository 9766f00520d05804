"""A TorchScript model that is slow, fails or hangs when a test wants it to, and a store that holds it."""

import io
import json
import warnings
from datetime import UTC, datetime
from http import HTTPStatus
from math import exp, isclose
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor, nn

from deploy.load.client import Answer, post
from models.inputs import Missing, Numeric, NumericReference
from models.manifest import Golden, Manifest
from models.parts import File
from models.record import Calibration, Data, Environment, Fit, Split, Threshold
from models.repository import Repository

SECONDS_PER_ROW = 0.005
"""200 rows a second, by the clock: the capacity is known, on whatever machine and however loaded."""
CLASSES = ("no", "yes")
GOOD, RAISES, HANGS = 0.0, 1.0, 2.0
"""What the first input asks for; the second one is the logit."""


class Faulty(nn.Module):
    """The interface of the trained module. Each row costs `seconds`; the first input may ask for a fault."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(2))
        self.register_buffer("slope", torch.tensor([[0.0, 1.0]]))
        self.register_buffer("missing", torch.zeros(1, 2))
        self.register_buffer("base", torch.tensor([-1, -1]))
        self.register_buffer("table", torch.zeros(1, 0))
        self.register_buffer("bias", torch.zeros(1))
        self.nanoseconds = int(seconds * 1e9)

    def forward(self, x: Tensor) -> Tensor:
        """Map rows [rows, 2] to probabilities [rows, 2]: the sigmoid of the second input, late."""
        until = torch.ops.prim.TimePoint() + self.nanoseconds * len(x)
        if bool((x[:, 0] == 1.0).any()):
            raise ValueError("a model that fails")
        held = bool((x[:, 0] == 2.0).any())
        while held or torch.ops.prim.TimePoint() < until:
            pass
        logit = x[:, 1:] * self.slope[:, 1:]
        return torch.cat([-logit, logit], 1).sigmoid()


DISTINCT = 10_000


def request(number: int, headers: str = "") -> bytes:
    """Return the number-th of DISTINCT requests, whose answers all differ by more than is tolerated."""
    return post([[GOOD, _logit(number)]], headers)


def right(number: int, answer: Answer) -> bool:
    """Return whether `answer`, when it is a success, is the one for `request(number)`."""
    if answer.status != HTTPStatus.OK:
        return True
    [prediction] = json.loads(answer.body)["predictions"]
    return isclose(prediction["probabilities"]["yes"], 1 / (1 + exp(-_logit(number))), abs_tol=1e-5)


def _logit(number: int) -> float:
    return number % DISTINCT / DISTINCT * 4 - 2


def publish(root: Path, name: str, seconds: float, first: float = GOOD) -> Path:
    """Publish the model; `first` is what its one golden example asks for, so that a start may fail."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        module = torch.jit.script(Faulty(seconds).eval())
        buffer = io.BytesIO()
        torch.jit.save(module, buffer)
    files = {"model.pt": buffer.getvalue(), "model.safetensors": save(module.state_dict())}
    reference = NumericReference(rows=1, missing=0, mean=0, std=1, min=-1, max=1, bins=None)
    inputs = tuple(
        Numeric(name=each, missing=Missing(admitted=False, imputed_by=None), reference=reference)
        for each in ("fault", "logit")
    )

    def make_manifest(version: int, digests: dict[str, File]) -> Manifest:
        return Manifest(
            name=name,
            version=version,
            created=datetime.now(UTC),
            git_commit=None,
            command=None,
            options={},
            environment=Environment(libraries={}, threads=None, device=None, cpu=None),
            files=digests,
            inputs=inputs,
            left_out=(),
            classes=CLASSES,
            positive="yes",
            threshold=Threshold(value=0.5, rule="given"),
            abstain=None,
            calibration=Calibration(kind="none", parameters={}, log_loss=None),
            data=Data(
                source="none",
                sha256="0" * 64,
                target="y",
                rows={"train": 1},
                dropped=0,
                duplicates=0,
                split=Split(kind="hash", columns=(), seed=0, cuts={}),
            ),
            fit=Fit(
                solver="lbfgs",
                penalty=1,
                weights=None,
                iterations=1,
                gradient_norm=0,
                tolerance=None,
                converged=True,
            ),
            metrics={"test": None},
            scores=None,
            invariant=False,
            golden=(Golden(input=(first, 0.0), probabilities=(0.5, 0.5)),),
        )

    Repository(root).publish(name, files, make_manifest)
    return root
