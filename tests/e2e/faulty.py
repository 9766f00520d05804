"""A TorchScript model that is slow, fails or hangs when a test wants it to, and a store that holds it."""

import io
import json
import warnings
import zipfile
from collections.abc import Callable
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
GOOD, RAISES, HANGS, HOARDS = 0.0, 1.0, 2.0, 3.0
"""What the input `fault` asks for; `logit` is the logit, but for the bias."""
INPUTS = ("fault", "logit")
BIAS = 0.25
"""By so much times its number the logit of a version differs, when it is to tell itself by its answers."""

NESTED = 200_000


class Faulty(nn.Module):
    """The interface of the trained module. Each row costs `seconds`; the input `fault` may ask for one."""

    def __init__(self, seconds: float, bias: float, inputs: tuple[str, ...]) -> None:
        super().__init__()
        self.fault, self.logit = map(inputs.index, INPUTS)
        slope = torch.zeros(1, len(inputs))
        slope[0, self.logit] = 1
        self.register_buffer("mean", torch.zeros(len(inputs)))
        self.register_buffer("slope", slope)
        self.register_buffer("missing", torch.zeros(1, len(inputs)))
        self.register_buffer("base", torch.full((len(inputs),), -1))
        self.register_buffer("table", torch.zeros(1, 0))
        self.register_buffer("bias", torch.full((1,), bias))
        self.nanoseconds = int(seconds * 1e9)

    def forward(self, x: Tensor) -> Tensor:
        """Map rows to probabilities [rows, 2]: the sigmoid of `logit` and the bias, late."""
        until = torch.ops.prim.TimePoint() + self.nanoseconds * len(x)
        fault = x[:, self.fault]
        if bool((fault == 1.0).any()):
            raise ValueError("a model that fails")
        if bool((fault == 3.0).any()):
            fault = torch.zeros(1 << 40)
        held = bool((fault == 2.0).any())
        while held or torch.ops.prim.TimePoint() < until:
            pass
        logit = x[:, self.logit : self.logit + 1] + self.bias
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
    return isclose(prediction["probabilities"]["yes"], sigmoid(_logit(number)), abs_tol=1e-5)


def telling(number: int, answer: Answer) -> bool:
    """Return whether a success for `request(number)` is the answer of the version that it names."""
    if answer.status != HTTPStatus.OK:
        return True
    body = json.loads(answer.body)
    expected = sigmoid(_logit(number) + BIAS * int(body["version"]))
    return isclose(body["predictions"][0]["probabilities"]["yes"], expected, abs_tol=1e-5)


def sigmoid(logit: float) -> float:
    """Return the probability of a logit."""
    return 1 / (1 + exp(-logit))


def _logit(number: int) -> float:
    return number % DISTINCT / DISTINCT * 4 - 2


def publish(
    root: Path,
    name: str,
    seconds: float,
    fault: float = GOOD,
    *,
    bias: float = 0,
    inputs: tuple[str, ...] = INPUTS,
    golden: float | None = None,
    promote: bool = True,
    damage: Callable[[bytes], bytes] = bytes,
) -> Path:
    """Publish the next version of the model.

    `fault` is what its one golden example asks for, so that a start may fail; `golden` the probability that
    it says, when not the right one. `damage` makes of the module what is published as model.pt.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        module = torch.jit.script(Faulty(seconds, bias, inputs).eval())
        buffer = io.BytesIO()
        torch.jit.save(module, buffer)
    files = {"model.pt": damage(buffer.getvalue()), "model.safetensors": save(module.state_dict())}
    reference = NumericReference(rows=1, missing=0, mean=0, std=1, min=-1, max=1, bins=None)
    described = tuple(
        Numeric(name=each, missing=Missing(admitted=False, imputed_by=None), reference=reference)
        for each in inputs
    )
    probability = sigmoid(bias) if golden is None else golden
    row = tuple(fault if each == "fault" else 0.0 for each in inputs)

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
            inputs=described,
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
            golden=(Golden(input=row, probabilities=(1 - probability, probability)),),
        )

    Repository(root).publish(name, files, make_manifest, promote=promote)
    return root


def publish_telling(root: Path, name: str, versions: int, seconds: float = 0) -> Path:
    """Publish so many versions whose answers tell which one gave them; CURRENT names the first."""
    for number in range(1, versions + 1):
        publish(root, name, seconds, bias=BIAS * number, promote=number == 1)
    return root


def crashing(module: bytes) -> bytes:
    """Return a module that kills whatever process loads it: its code nests deeper than the parser's stack."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(module)) as before, zipfile.ZipFile(made, "w") as after:
        for name in before.namelist():
            nested = b"(" * NESTED + b"self.logit" + b")" * NESTED
            content = before.read(name)
            after.writestr(name, content.replace(b"self.logit", nested) if name.endswith(".py") else content)
    return made.getvalue()
